package identity

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/steersman-ops/steersman/govern/watchdog"
)

// sessionsFile is what the file of sessions holds: the hex SHA-256 of each
// session's secret, and until when it is good.
type sessionsFile struct {
	Version  int                  `json:"version"`
	Sessions map[string]time.Time `json:"sessions"`
}

// readSessions returns the sessions on file. A file that cannot be read or
// understood costs people one more login, no more.
func (i *Identity) readSessions() map[digest]time.Time {
	out := make(map[digest]time.Time)
	data, err := os.ReadFile(filepath.Join(i.dir, SessionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return out
	}
	var f sessionsFile
	if err == nil {
		err = json.Unmarshal(data, &f)
	}
	if err != nil {
		i.log.Warn("sessions cannot be read; everybody must sign in again", "err", err)
		return out
	}
	now := i.now()
	for k, until := range f.Sessions {
		raw, err := hex.DecodeString(k)
		if err != nil || len(raw) != len(digest{}) || until.After(now.Add(SessionFor)) {
			continue
		}
		put(out, digest(raw), until, now, MaxSessions)
	}
	return out
}

// writeSessions puts the sessions on file. The caller holds mu. If it fails
// they last until the next restart.
func (i *Identity) writeSessions() {
	f := sessionsFile{Version: 1, Sessions: make(map[string]time.Time)}
	for d, until := range i.sessions {
		f.Sessions[hex.EncodeToString(d[:])] = until.UTC()
	}
	data, err := json.Marshal(f)
	if err == nil {
		err = watchdog.WriteDurably(filepath.Join(i.dir, SessionsFile), data, 0o600)
	}
	if err != nil {
		i.log.Warn("sessions cannot be kept; they end with this process", "err", err)
	}
}
