package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/steersman-ops/steersman/store/ledger"
)

var checked = []string{"leaves", "hashes", "checkpoint", "key.pub"}

// A flipped bit in any byte of any file that can be checked, the private key left
// out, is found: 100 %. The texts whose encoding leaves room for two spellings get
// all eight bits of each byte flipped, the others two.
func TestEveryFlippedBitIsFound(t *testing.T) {
	dir, _, _ := written(t, 7)
	if r := verify(t, dir, ledger.VerifyOptions{}); !r.OK() {
		t.Fatalf("an untouched ledger: %v", r.Problems)
	}
	flips := 0
	for _, name := range checked {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for at := range good {
			for bit := range 8 {
				if (name == "leaves" || name == "hashes") && bit%4 != at%4 || testing.Short() && bit != at%8 {
					continue
				}
				put(t, f, at, good[at]^1<<bit)
				flips++
				if verify(t, dir, ledger.VerifyOptions{}).OK() {
					t.Errorf("%s: bit %d of byte %d flipped and not found", name, bit, at)
				}
			}
			put(t, f, at, good[at])
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d flipped bits, all found", flips)
}

func put(t *testing.T, f *os.File, at int, b byte) {
	t.Helper()
	if _, err := f.WriteAt([]byte{b}, int64(at)); err != nil {
		t.Fatal(err)
	}
}

// So is a flipped bit of the private key, unless it makes a key that signs the
// same.
func TestFlippedPrivateKeyIsFound(t *testing.T) {
	dir, _, _ := written(t, 2)
	path := filepath.Join(dir, "key")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := range good {
		bad := bytes.Clone(good)
		bad[at] ^= 0x02
		write(t, path, bad)
		if verify(t, dir, ledger.VerifyOptions{}).OK() {
			t.Errorf("byte %d flipped and not found", at)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Whole lines and whole hashes deleted, doubled, moved and cut off, at every
// place.
func TestEveryMovedPieceIsFound(t *testing.T) {
	dir, _, _ := written(t, 7)
	for _, name := range []string{"leaves", "hashes"} {
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pieces := split(name, good)
		try := func(what string, parts [][]byte) {
			t.Helper()
			write(t, path, bytes.Join(parts, nil))
			if verify(t, dir, ledger.VerifyOptions{}).OK() {
				t.Errorf("%s: %s and not found", name, what)
			}
		}
		for i := range pieces {
			try(fmt.Sprintf("piece %d deleted", i), slices.Delete(slices.Clone(pieces), i, i+1))
			try(fmt.Sprintf("piece %d doubled", i), slices.Insert(slices.Clone(pieces), i, pieces[i]))
			for j := range i {
				swapped := slices.Clone(pieces)
				swapped[i], swapped[j] = swapped[j], swapped[i]
				try(fmt.Sprintf("pieces %d and %d swapped", i, j), swapped)
			}
		}
		for n := range good {
			if testing.Short() && n%5 != 0 {
				continue
			}
			try(fmt.Sprintf("cut to %d bytes", n), [][]byte{good[:n]})
		}
		for _, tail := range []string{"\x00", "\n", " ", "x", string(pieces[0])} {
			try(fmt.Sprintf("%q added", tail), [][]byte{good, []byte(tail)})
		}
		write(t, path, good)
	}
}

func split(name string, data []byte) (pieces [][]byte) {
	if name == "leaves" {
		return slices.Collect(bytes.Lines(data))
	}
	return slices.Collect(slices.Chunk(data, 32))
}

func TestEveryMissingOrLengthenedFileIsFound(t *testing.T) {
	for _, name := range checked {
		dir, _, _ := written(t, 3)
		path := filepath.Join(dir, name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, tail := range []string{"\n", " ", "\n\n", "x\n", "— steersman AAAAAAAA\n"} {
			write(t, path, append(bytes.Clone(good), tail...))
			if verify(t, dir, ledger.VerifyOptions{}).OK() {
				t.Errorf("%s with %q at its end is not found", name, tail)
			}
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if verify(t, dir, ledger.VerifyOptions{}).OK() {
			t.Errorf("%s removed and not found", name)
		}
	}
}

// The report names the leaf.
func TestTheReportNamesTheLeaf(t *testing.T) {
	dir, _, _ := written(t, 7)
	path := filepath.Join(dir, "leaves")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, bytes.Replace(good, []byte(`"n":4`), []byte(`"n":9`), 1))
	r := verify(t, dir, ledger.VerifyOptions{})
	var all []string
	named := false
	for _, p := range r.Problems {
		all = append(all, p.String())
		named = named || p.Leaf == 4
		if p.Leaf >= 0 && p.Leaf != 4 {
			t.Errorf("leaf %d is blamed: %s", p.Leaf, p)
		}
	}
	if text := strings.Join(all, "\n"); !named || !strings.Contains(text, "the stored hashes are") {
		t.Errorf("leaf 4 was changed; the report says\n%s", text)
	}
}

// A rewritten ledger is perfect in itself. A checkpoint or a key that was kept
// elsewhere finds it.
func TestForgeries(t *testing.T) {
	copyOf := func(t *testing.T, dir string) string {
		to := t.TempDir()
		if err := os.CopyFS(filepath.Join(to, "copy"), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		return filepath.Join(to, "copy")
	}
	more := func(t *testing.T, dir string, from, to int) string {
		l := open(t, dir, ledger.Options{})
		for i := from; i < to; i++ {
			add(t, l, i)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		return l.Checkpoint()
	}
	dir, _, key := written(t, 5)
	old := copyOf(t, dir)
	fork := copyOf(t, dir)
	known := more(t, dir, 5, 8)
	more(t, fork, 100, 110)
	if r := verify(t, dir, ledger.VerifyOptions{Known: known, VerifierKey: key + "\n"}); !r.OK() {
		t.Errorf("the true ledger: %v", r.Problems)
	}
	for _, tt := range []struct {
		name, dir string
		opt       ledger.VerifyOptions
		want      string
	}{
		{"an old copy", old, ledger.VerifyOptions{Known: known}, "it had 8 when the known checkpoint was made"},
		{"a fork", fork, ledger.VerifyOptions{Known: known}, "rewritten"},
		{"another key", func() string { d, _, _ := written(t, 8); return d }(), ledger.VerifyOptions{VerifierKey: key}, "not the key that was asked for"},
		{"another key, by a checkpoint", func() string { d, _, _ := written(t, 8); return d }(), ledger.VerifyOptions{Known: known}, "not one of this ledger"},
		{"a known checkpoint that is forged", dir, ledger.VerifyOptions{Known: strings.Replace(known, "\n8\n", "\n7\n", 1)}, "not one of this ledger"},
		{"a key that is none", dir, ledger.VerifyOptions{VerifierKey: "nonsense"}, "not a public key"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.opt.VerifierKey != "nonsense" && !verify(t, tt.dir, ledger.VerifyOptions{}).OK() {
				t.Error("it is not perfect in itself")
			}
			if r := verify(t, tt.dir, tt.opt); r.OK() || !strings.Contains(fmt.Sprint(r.Problems), tt.want) {
				t.Errorf("got %v, want %q", r.Problems, tt.want)
			}
		})
	}
}

// Someone with a key of his own signs a checkpoint over fewer leaves.
func TestCheckpointOfAnotherKeyIsFound(t *testing.T) {
	dir, checkpoint, _ := written(t, 5)
	private, _, err := note.GenerateKey(bytes.NewReader(make([]byte, 64)), "steersman")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(checkpoint, "\n\n")
	forged, err := note.Sign(&note.Note{Text: text + "\n"}, signer)
	if err != nil {
		t.Fatal(err)
	}
	for name, msg := range map[string][]byte{
		"alone":       forged,
		"in addition": append([]byte(checkpoint), forged[len(text)+2:]...),
	} {
		write(t, filepath.Join(dir, "checkpoint"), msg)
		if r := verify(t, dir, ledger.VerifyOptions{}); r.OK() {
			t.Errorf("another signature, %s, is not found", name)
		}
	}
}
