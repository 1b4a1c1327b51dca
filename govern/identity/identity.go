// Package identity says who is asking.
//
// It answers two questions about an HTTP request: which person does it come
// from ([Identity.Authenticate]), and may a browser send it here at all
// ([Identity.Protect])? It does not decide what a person may do.
//
// # Method
//
// There is one owner. Programs prove it with the owner token, which is made on
// the first start and lies in a file that only its user can read. A browser
// opens a login link, which is good once and for ten minutes, and gets a
// session cookie made fresh for it. Of secrets that come from outside, only
// hashes are kept and compared, so neither the time a comparison takes nor the
// file of sessions helps a stranger.
//
// Protect refuses a request whose Host is none of the names under which this
// server is known, which is what a web page of a stranger sends after
// rebinding its own name to this address, and changing requests that come from
// another origin ([http.CrossOriginProtection]).
//
// # Limits
//
// Roles, several people and single sign-on are for later. A cookie without TLS
// can be read on the way: listen on loopback, or behind something that speaks
// TLS.
package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/steersman-ops/steersman/govern/watchdog"
)

// The names of files in the data directory, and of the cookie.
const (
	TokenFile    = "owner.token"
	SessionsFile = "sessions.json"
	Cookie       = "steersman_session"
)

// How long things are good, and how many there may be.
const (
	LinkFor     = 10 * time.Minute
	SessionFor  = 30 * 24 * time.Hour
	MaxLinks    = 16
	MaxSessions = 64
)

// ErrNobody is wrapped by what is returned for a request that proves no
// identity.
var ErrNobody = errors.New("not signed in")

// A Person is who does something.
type Person struct {
	Name string `json:"name"`
	Role string `json:"role"` // "owner"
}

// Options are the settings of an Identity. The zero value works.
type Options struct {
	// Owner is the name under which the owner's deeds are written down;
	// empty: "owner".
	Owner string
	// Hosts are further names under which this server may be asked, without
	// port; localhost and the loopback addresses always are. "*" allows all,
	// for a listener that is not on loopback.
	Hosts  []string
	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: silent
}

type digest [sha256.Size]byte

// Identity knows the owner, the open login links and the sessions of one data
// directory. It is safe for concurrent use.
type Identity struct {
	dir   string
	owner Person
	hosts map[string]bool
	all   bool
	now   func() time.Time
	log   *slog.Logger
	token digest

	mu       sync.Mutex
	links    map[digest]time.Time // until when
	sessions map[digest]time.Time // until when
}

// Open reads the owner token and the sessions from dir, or makes them.
func Open(dir string, opt Options) (*Identity, error) {
	i := &Identity{
		dir: dir, owner: Person{Name: opt.Owner, Role: "owner"}, now: opt.Now, log: opt.Logger,
		hosts: map[string]bool{"localhost": true, "127.0.0.1": true, "::1": true},
		links: make(map[digest]time.Time),
	}
	if i.owner.Name == "" {
		i.owner.Name = "owner"
	}
	if i.now == nil {
		i.now = time.Now
	}
	if i.log == nil {
		i.log = slog.New(slog.DiscardHandler)
	}
	for _, h := range opt.Hosts {
		i.all = i.all || h == "*"
		i.hosts[strings.ToLower(h)] = true
	}
	token, err := ownerToken(i.TokenPath())
	if err != nil {
		return nil, err
	}
	i.token = sha256.Sum256([]byte(token))
	i.sessions = i.readSessions()
	return i, nil
}

// TokenPath returns where the owner token lies.
func (i *Identity) TokenPath() string { return filepath.Join(i.dir, TokenFile) }

// ownerToken reads the token, or makes one on the first start.
func ownerToken(path string) (string, error) {
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		token := secret()
		if err := watchdog.WriteDurably(path, []byte(token+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("write owner token %s: %w", path, err)
		}
		return token, nil
	case err != nil:
		return "", fmt.Errorf("read owner token: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("read owner token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("owner token %s can be read by others (mode %04o): chmod 600 it, or remove it to get a new one", path, info.Mode().Perm())
	}
	token := strings.TrimSpace(string(data))
	if raw, err := base64.RawURLEncoding.DecodeString(token); err != nil || len(raw) < 32 {
		return "", fmt.Errorf("owner token %s does not hold 32 bytes in base64url: remove it to get a new one", path)
	}
	return token, nil
}

// secret returns 256 random bits as text.
func secret() string {
	var b [32]byte
	rand.Read(b[:]) // never fails: it ends the program first
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// LoginLink returns a link below base (such as "http://localhost:8420") that
// makes the browser that opens it the owner's, once, within [LinkFor].
func (i *Identity) LoginLink(base string) string {
	token := secret()
	i.mu.Lock()
	defer i.mu.Unlock()
	put(i.links, sha256.Sum256([]byte(token)), i.now().Add(LinkFor), i.now(), MaxLinks)
	return strings.TrimSuffix(base, "/") + "/login?token=" + url.QueryEscape(token)
}

// put adds a digest, drops what has run out and, beyond limit, what would run
// out first.
func put(m map[digest]time.Time, d digest, until, now time.Time, limit int) {
	m[d] = until
	for k, t := range m {
		if !now.Before(t) {
			delete(m, k)
		}
	}
	for len(m) > limit {
		first, at := d, until
		for k, t := range m {
			if t.Before(at) {
				first, at = k, t
			}
		}
		delete(m, first)
	}
}

// Login answers GET /login?token=…: it uses up the link, starts a new session
// and sends the browser to the console.
func (i *Identity) Login(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	session, ok := i.redeem(r.URL.Query().Get("token"))
	if !ok {
		http.Error(w, "This link was used already or is too old. Print a new one with: steersman login", http.StatusForbidden)
		return
	}
	http.SetCookie(w, i.cookie(r, session, int(SessionFor/time.Second)))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// redeem turns a link's token into a new session.
func (i *Identity) redeem(token string) (session string, ok bool) {
	d := digest(sha256.Sum256([]byte(token)))
	i.mu.Lock()
	defer i.mu.Unlock()
	until, ok := i.links[d]
	delete(i.links, d)
	now := i.now()
	if !ok || !now.Before(until) {
		return "", false
	}
	session = secret()
	put(i.sessions, sha256.Sum256([]byte(session)), now.Add(SessionFor), now, MaxSessions)
	i.writeSessions()
	return session, true
}

// Logout answers POST /logout: it ends the session of the request.
func (i *Identity) Logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(Cookie); err == nil {
		i.mu.Lock()
		delete(i.sessions, sha256.Sum256([]byte(c.Value)))
		i.writeSessions()
		i.mu.Unlock()
	}
	http.SetCookie(w, i.cookie(r, "", -1))
	w.WriteHeader(http.StatusNoContent)
}

func (i *Identity) cookie(r *http.Request, value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: Cookie, Value: value, Path: "/", MaxAge: maxAge,
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	}
}

// Owner reports whether token is the owner's.
func (i *Identity) Owner(token string) bool {
	d := sha256.Sum256([]byte(strings.TrimSpace(token)))
	return subtle.ConstantTimeCompare(d[:], i.token[:]) == 1
}

// Authenticate returns the person from whom the request comes. The error
// wraps [ErrNobody].
//
// A request with an Authorization header is judged by that alone.
func (i *Identity) Authenticate(r *http.Request) (Person, error) {
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, token, _ := strings.Cut(h, " ")
		if strings.EqualFold(scheme, "Bearer") && i.Owner(token) {
			return i.owner, nil
		}
		return Person{}, fmt.Errorf("the bearer token is not the owner's: %w", ErrNobody)
	}
	c, err := r.Cookie(Cookie)
	if err != nil {
		return Person{}, fmt.Errorf("no bearer token and no session: %w", ErrNobody)
	}
	d := digest(sha256.Sum256([]byte(c.Value)))
	i.mu.Lock()
	until, ok := i.sessions[d]
	i.mu.Unlock()
	if !ok || !i.now().Before(until) {
		return Person{}, fmt.Errorf("the session has ended: %w", ErrNobody)
	}
	return i.owner, nil
}
