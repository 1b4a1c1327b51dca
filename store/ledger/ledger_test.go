package ledger_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/ledger"
)

var at = time.Date(2026, 11, 24, 7, 0, 0, 5, time.UTC)

func open(t *testing.T, dir string, opt ledger.Options) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func add(t *testing.T, l *ledger.Ledger, i int) ledger.Leaf {
	t.Helper()
	leaf, err := l.Append(t.Context(), fmt.Sprintf("key-%d", i), "test", at.Add(time.Duration(i)), map[string]any{"n": i, "text": "a < b & \"c\"\n"})
	if err != nil {
		t.Fatal(err)
	}
	return leaf
}

// written returns a closed ledger with n leaves.
func written(t *testing.T, n int) (dir, checkpoint, key string) {
	t.Helper()
	dir = t.TempDir()
	l, err := ledger.Open(dir, ledger.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		add(t, l, i)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return dir, l.Checkpoint(), l.VerifierKey()
}

func verify(t *testing.T, dir string, opt ledger.VerifyOptions) ledger.Report {
	t.Helper()
	r, err := ledger.Verify(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestWhatGoesInComesOut(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, ledger.Options{Origin: "example.org/ledger"})
	var want []ledger.Leaf
	for i := range 20 {
		leaf := add(t, l, i)
		if leaf.Index != int64(i) {
			t.Errorf("leaf %d has the index %d", i, leaf.Index)
		}
		want = append(want, leaf)
	}
	check := func(l *ledger.Ledger) {
		t.Helper()
		got, err := l.Leaves(0, 100)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.EqualFunc(got, want, func(a, b ledger.Leaf) bool { return fmt.Sprint(a) == fmt.Sprint(b) && a.At.Equal(b.At) }) {
			t.Errorf("came back as\n%v, want\n%v", got, want)
		}
		if got, err := l.Leaves(17, 2); err != nil || len(got) != 2 || got[0].Index != 17 {
			t.Errorf("two leaves from 17: %v, %v", got, err)
		}
		if got, err := l.Leaves(20, 1); err != nil || len(got) != 0 {
			t.Errorf("leaves beyond the end: %v, %v", got, err)
		}
		if _, err := l.Leaves(-1, 1); !errors.Is(err, fact.ErrNotFound) {
			t.Errorf("leaf -1: %v", err)
		}
		if l.Size() != 20 || !strings.HasPrefix(l.Checkpoint(), "example.org/ledger\n20\n") {
			t.Errorf("size %d, checkpoint\n%s", l.Size(), l.Checkpoint())
		}
	}
	check(l)
	if r := verify(t, dir, ledger.VerifyOptions{Known: l.Checkpoint(), VerifierKey: l.VerifierKey()}); !r.OK() || r.Size != 20 || r.Origin != "example.org/ledger" {
		t.Errorf("an untouched ledger: %+v", r)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, dir, ledger.Options{Origin: "ignored now"})
	check(again)
	if r, err := again.Verify(ledger.VerifyOptions{}); err != nil || !r.OK() {
		t.Errorf("an untouched open ledger: %+v, %v", r, err)
	}
}

func TestTheFilesAreReadable(t *testing.T) {
	dir, _, _ := written(t, 2)
	data, err := os.ReadFile(filepath.Join(dir, "leaves"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"index":0,"key":"key-0","kind":"test","at":"2026-11-24T07:00:00.000000005Z","body":{"n":0,"text":"a < b & \"c\"\n"}}` + "\n"
	if got, _, _ := strings.Cut(string(data), "\n"); got+"\n" != want {
		t.Errorf("the first line is\n%s\nwant\n%s", got, want)
	}
	info, err := os.Stat(filepath.Join(dir, "key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key has mode %v, %v", info.Mode(), err)
	}
}

func TestTheSameKeyGivesTheFirstLeaf(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, ledger.Options{})
	first := add(t, l, 0)
	add(t, l, 1)
	same, err := l.Append(t.Context(), "key-0", "other", at, "another body")
	if err != nil || same.Hash != first.Hash || same.Kind != "test" {
		t.Errorf("the same key gave %v, %v; want the first leaf %v", same, err, first)
	}
	// Also when they come at once.
	var wg sync.WaitGroup
	hashes := make([]string, 20)
	for i := range hashes {
		wg.Go(func() {
			leaf, err := l.Append(t.Context(), "shared", "test", at, i)
			if err != nil {
				t.Error(err)
			}
			hashes[i] = leaf.Hash
		})
	}
	wg.Wait()
	if slices.Sort(hashes); hashes[0] != hashes[19] || l.Size() != 3 {
		t.Errorf("one key at once: %d leaves, hashes %v", l.Size(), slices.Compact(hashes))
	}
}

func TestRefusals(t *testing.T) {
	l := open(t, t.TempDir(), ledger.Options{})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		ctx  context.Context
		key  string
		at   time.Time
		body any
		want string
	}{
		{"no key", t.Context(), "", at, 1, `append "" to the ledger: it has no key`},
		{"a body that is no JSON", t.Context(), "k", at, make(chan int), "unsupported type"},
		{"a year that JSON has not", t.Context(), "k", at.AddDate(10000, 0, 0), 1, "year"},
		{"a giant", t.Context(), "k", at, strings.Repeat("x", ledger.MaxLeaf), "the limit is"},
		{"an ended context", ended, "k", at, 1, "context canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := l.Append(tt.ctx, tt.key, "test", tt.at, tt.body); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if l.Size() != 0 {
		t.Errorf("%d leaves after refusals only", l.Size())
	}
}

func TestManyAtOnce(t *testing.T) {
	const writers, each = 16, 60
	dir := t.TempDir()
	reg := prometheus.NewRegistry()
	l := open(t, dir, ledger.Options{Registerer: reg})
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				key := fmt.Sprintf("%d/%d", w, i)
				leaf, err := l.Append(t.Context(), key, "test", at, i)
				if err != nil || leaf.Key != key {
					t.Errorf("%s: %v, %v", key, leaf, err)
					return
				}
				if got, err := l.Leaves(leaf.Index, 1); err != nil || got[0].Key != key {
					t.Errorf("%s: leaf %d is %v, %v", key, leaf.Index, got, err)
				}
			}
		})
	}
	wg.Wait()
	if r := verify(t, dir, ledger.VerifyOptions{}); !r.OK() || r.Size != writers*each {
		t.Errorf("%d leaves, %v", r.Size, r.Problems)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// An audit of a ledger that is in use must not find leaves that are just being
// written.
func TestVerifyWhileWriting(t *testing.T) {
	dir := t.TempDir()
	l := open(t, dir, ledger.Options{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 200 {
			add(t, l, i)
		}
	}()
	for looks := 0; ; looks++ {
		r := verify(t, dir, ledger.VerifyOptions{Settle: 20 * time.Second})
		if !r.OK() {
			t.Fatalf("look %d: %v", looks, r.Problems)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestProofs(t *testing.T) {
	l := open(t, t.TempDir(), ledger.Options{})
	old := []string{""}
	for i := range 25 {
		want := add(t, l, i)
		old = append(old, l.Checkpoint())
		for n := range int64(i + 1) {
			p, err := l.Proof(n)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := p.Check(l.VerifierKey())
			if err != nil || leaf.Key != fmt.Sprintf("key-%d", n) || n == int64(i) && leaf.Hash != want.Hash {
				t.Errorf("leaf %d of %d: %v, %v", n, i+1, leaf, err)
			}
			p.Line = strings.Replace(p.Line, "test", "tset", 1)
			if _, err := p.Check(l.VerifierKey()); err == nil {
				t.Errorf("leaf %d of %d: another line is proved too", n, i+1)
			}
		}
		for n := int64(1); n <= int64(i+1); n++ {
			path, now, err := l.Consistency(n)
			if err != nil {
				t.Fatal(err)
			}
			if err := ledger.CheckConsistency(path, old[n], now, l.VerifierKey()); err != nil {
				t.Errorf("%d leaves continue %d: %v", i+1, n, err)
			}
			if n > 1 {
				if err := ledger.CheckConsistency(path, old[n-1], now, l.VerifierKey()); err == nil {
					t.Errorf("%d leaves continue %d, by the proof for %d", i+1, n-1, n)
				}
			}
		}
	}
	if _, err := l.Proof(25); !errors.Is(err, fact.ErrNotFound) {
		t.Errorf("the proof of a leaf that is not there: %v", err)
	}
	other := open(t, t.TempDir(), ledger.Options{})
	p, err := l.Proof(3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Check(other.VerifierKey()); err == nil {
		t.Error("a proof is good under another key")
	}
}

// A start after a crash: leaves that no checkpoint covers are cut and named, and
// the ledger goes on.
func TestTornTails(t *testing.T) {
	for _, tt := range []struct {
		name           string
		leaves, hashes string
	}{
		{"half a leaf", `{"index":5,"key":"ke`, ""},
		{"a whole leaf", `{"index":5,"key":"key-5","kind":"test","at":"2026-11-24T07:00:00Z","body":1}` + "\n", ""},
		{"leaf and hashes", `{"index":5}` + "\n", strings.Repeat("h", 64)},
		{"half a hash", `{"index":5}` + "\n", "h"},
		{"hashes alone", "", strings.Repeat("h", 32)},
		{"zeros", strings.Repeat("\x00", 999), strings.Repeat("\x00", 999)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir, checkpoint, _ := written(t, 5)
			for name, tail := range map[string]string{"leaves": tt.leaves, "hashes": tt.hashes} {
				f, err := os.OpenFile(filepath.Join(dir, name), os.O_APPEND|os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteString(tail); err != nil {
					t.Fatal(err)
				}
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
			}
			if verify(t, dir, ledger.VerifyOptions{}).OK() {
				t.Error("the bytes beyond the checkpoint are not reported")
			}
			var out bytes.Buffer
			l := open(t, dir, ledger.Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
			if l.Err() != nil || l.Size() != 5 || !strings.Contains(out.String(), "no checkpoint covers") {
				t.Errorf("%v, %d leaves, log %s", l.Err(), l.Size(), out.String())
			}
			add(t, l, 5)
			if r := verify(t, dir, ledger.VerifyOptions{Known: checkpoint}); !r.OK() || r.Size != 6 {
				t.Errorf("after one more leaf: %+v", r)
			}
		})
	}
}

// What is not as it was signed can be read, but never signed again.
func TestTamperedIsReadOnly(t *testing.T) {
	for _, name := range []string{"leaves", "hashes", "checkpoint", "key.pub", "key"} {
		for _, gone := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " gone=", gone), func(t *testing.T) {
				dir, _, _ := written(t, 5)
				path := filepath.Join(dir, name)
				if gone {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				} else {
					flipByte(t, path, 70, 1)
				}
				l, err := ledger.Open(dir, ledger.Options{})
				if err != nil {
					t.Fatal(err)
				}
				defer l.Close()
				_, err = l.Append(t.Context(), "new", "test", at, 1)
				if !errors.Is(err, ledger.ErrTampered) || !strings.Contains(err.Error(), "steersman audit verify") {
					t.Errorf("Append: %v", err)
				}
				if name != "leaves" {
					if leaves, err := l.Leaves(0, 9); err != nil || len(leaves) != 5 {
						t.Errorf("reading: %d leaves, %v", len(leaves), err)
					}
				}
				if !gone && name != "key" && verify(t, dir, ledger.VerifyOptions{}).OK() {
					t.Error("opening has mended what was forged")
				}
			})
		}
	}
}

func flipByte(t *testing.T, path string, at int, mask byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at%len(data)] ^= mask
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestReportIsJSON(t *testing.T) {
	dir, _, _ := written(t, 1)
	b, err := json.Marshal(verify(t, dir, ledger.VerifyOptions{}))
	if err != nil || !strings.Contains(string(b), `"problems":[]`) {
		t.Errorf("%s, %v", b, err)
	}
	if _, err := ledger.Verify(filepath.Join(dir, "missing"), ledger.VerifyOptions{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
