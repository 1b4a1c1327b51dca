package backup_test

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/store/backup"
)

var at = time.Date(2026, 11, 24, 7, 0, 0, 0, time.UTC)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

var files = map[string]string{"a": "one", "empty": "", "series/01/chunks/000001": strings.Repeat("x", 100_000), "ledger/key": "secret"}

func packed(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := backup.Pack(&b, folder(t, files), backup.Manifest{Version: "v1", At: at}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestThereAndBack(t *testing.T) {
	data := packed(t, files)
	dir := filepath.Join(t.TempDir(), "new", "data")
	m, err := backup.Unpack(bytes.NewReader(data), dir)
	if err != nil || m.Version != "v1" || !m.At.Equal(at) || len(m.Files) != 4 || m.Bytes() != 100_009 {
		t.Fatalf("%+v, %v", m, err)
	}
	if got := contents(t, dir); !reflect.DeepEqual(got, files) {
		t.Errorf("unpacked %v", got)
	}
	if again, err := backup.Check(bytes.NewReader(data)); err != nil || !reflect.DeepEqual(again, m) {
		t.Errorf("checked: %+v, %v", again, err)
	}
	if _, err := backup.Unpack(bytes.NewReader(data), dir); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("over what is there: %v", err)
	}
}

// Whatever was cut off or changed, nothing is left behind.
func TestWhatIsNotWhole(t *testing.T) {
	data := packed(t, files)
	cases := map[string][]byte{}
	for _, n := range []int{0, 1, 511, 512, 1024, len(data) / 2, len(data) - 2048, bytes.LastIndex(data, []byte(backup.ManifestName)) + 600} {
		cases["cut at "+strconv.Itoa(n)] = data[:n]
	}
	for _, n := range []int{0, 513, len(data) / 2, bytes.LastIndex(data, []byte(`"sha256":"`)) + 12} {
		b := bytes.Clone(data)
		b[n] ^= 1
		cases["flipped at "+strconv.Itoa(n)] = b
	}
	for name, b := range cases {
		dir := filepath.Join(t.TempDir(), "data")
		if _, err := backup.Unpack(bytes.NewReader(b), dir); !errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(left) > 0 {
			t.Errorf("%s: left behind: %v, %v", name, left, err)
		}
	}
}

// No name leads out of the folder, and nothing but files is made.
func TestHostile(t *testing.T) {
	for _, h := range []tar.Header{
		{Name: "../out", Typeflag: tar.TypeReg}, {Name: "/etc/out", Typeflag: tar.TypeReg}, {Name: "a/../../out", Typeflag: tar.TypeReg},
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: "/etc"}, {Name: "dir/", Typeflag: tar.TypeDir}, {Name: "pipe", Typeflag: tar.TypeFifo},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := errors.Join(w.WriteHeader(&h), w.Close()); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "data")
		if _, err := backup.Unpack(&b, dir); !errors.Is(err, backup.ErrNotWhole) {
			t.Errorf("%s: %v", h.Name, err)
		}
	}
	data := packed(t, map[string]string{"a": "one"})
	newer := bytes.Replace(data, []byte(`{"format":1`), []byte(`{"format":2`), 1)
	if _, err := backup.Check(bytes.NewReader(newer)); err == nil || errors.Is(err, backup.ErrNotWhole) || !strings.Contains(err.Error(), "use the version that made it") {
		t.Errorf("a newer format: %v", err)
	}
}

func FuzzCheck(f *testing.F) {
	var b bytes.Buffer
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a"), []byte("one"), 0o640); err != nil {
		f.Fatal(err)
	}
	if err := backup.Pack(&b, dir, backup.Manifest{Version: "v1", At: at}); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := backup.Check(bytes.NewReader(data))
		if err != nil {
			return
		}
		got, err := backup.Unpack(io.LimitReader(bytes.NewReader(data), int64(len(data))), filepath.Join(t.TempDir(), "data"))
		if err == nil && !reflect.DeepEqual(got, m) {
			t.Errorf("checked %+v, unpacked %+v", m, got)
		}
	})
}
