package director

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// flippedByte copies Steersman's ledger, lets its own command verify the copy,
// flips one byte of it, and expects that the command finds it.
func (s *stage) flippedByte(ctx context.Context) (string, error) {
	s.say("Somebody changes one byte in a copy of the ledger.")
	dir, err := os.MkdirTemp("", "steersman-demo-")
	if err != nil {
		return "", fmt.Errorf("copy the ledger: %w", err)
	}
	defer os.RemoveAll(dir)
	// The ledger is written to while it is copied: try again if that shows.
	clean, n := "", 0
	err = until(ctx, s.patient(20*time.Second), func(ctx context.Context) error {
		n++
		clean = filepath.Join(dir, fmt.Sprint(n))
		ledger := filepath.Join(s.cfg.DataDir, "ledger")
		if err := os.CopyFS(clean, os.DirFS(ledger)); err != nil {
			return fmt.Errorf("copy the ledger %s: %w", ledger, err)
		}
		code, said, err := s.verify(ctx, clean)
		if err != nil {
			return err
		}
		if code != 0 {
			return fmt.Errorf("the untouched copy: exit code %d: %s", code, said)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	name, at, err := flip(filepath.Join(clean, "leaves"))
	if err != nil {
		return "", err
	}
	code, said, err := s.verify(ctx, clean)
	if err != nil {
		return "", err
	}
	if code != 1 {
		return "", fmt.Errorf("byte %d of %s was flipped: wanted exit code 1, got %d: %s", at, name, code, said)
	}
	s.say("%s", said)
	return fmt.Sprintf("byte %d of %s", at, name), nil
}

// verify runs `steersman audit verify` and returns its exit code and what it said.
func (s *stage) verify(ctx context.Context, dir string) (code int, said string, err error) {
	cmd := exec.CommandContext(ctx, s.cfg.Binary, "audit", "verify", "--dir", dir)
	if s.cfg.Environment != nil {
		cmd.Env = append(os.Environ(), s.cfg.Environment...)
	}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	said = strings.Join(strings.Fields(out.String()), " ")
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= 0 {
		return exit.ExitCode(), said, nil
	}
	if err != nil {
		return 0, said, fmt.Errorf("run audit verify: %w", err)
	}
	return 0, said, nil
}

// flip changes one bit in the middle of the file, or of the largest file of
// the folder, and returns which byte it was in.
func flip(path string) (name string, at int64, err error) {
	var size int64
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > size {
			name, size = p, info.Size()
		}
		return err
	})
	if err != nil {
		return "", 0, fmt.Errorf("flip a byte: %w", err)
	}
	if size == 0 {
		return "", 0, fmt.Errorf("flip a byte: %s holds nothing", path)
	}
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return "", 0, fmt.Errorf("flip a byte: %w", err)
	}
	defer f.Close()
	at = size / 2
	var one [1]byte
	if _, err := f.ReadAt(one[:], at); err != nil {
		return "", 0, fmt.Errorf("flip a byte: %w", err)
	}
	one[0] ^= 1
	if _, err := f.WriteAt(one[:], at); err != nil {
		return "", 0, fmt.Errorf("flip a byte: %w", err)
	}
	return filepath.Base(name), at, nil
}
