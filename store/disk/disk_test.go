package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/steersman-ops/steersman/store/disk"
)

func TestDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new", "one")
	d, err := disk.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := disk.Open(dir); !errors.Is(err, disk.ErrInUse) {
		t.Errorf("opened twice: %v, want ErrInUse", err)
	}
	if err := disk.WriteFile(d, "b", []byte("first"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(d, "b", []byte("two"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := disk.WriteFile(d, "a", nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o750); err != nil {
		t.Fatal(err)
	}
	list, err := d.List()
	if got := fmt.Sprint(list, err); got != "[{a 0} {b 3}] <nil>" {
		t.Errorf("listed %s", got)
	}
	if data, err := disk.ReadFile(d, "b"); err != nil || string(data) != "two" {
		t.Errorf("read %q, %v", data, err)
	}
	if err := d.Rename("b", "c"); err != nil {
		t.Error(err)
	}
	if err := d.Remove("a"); err != nil {
		t.Error(err)
	}
	if _, err := disk.ReadFile(d, "b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that was renamed: %v", err)
	}
	for _, name := range []string{"../x", "/tmp/x", "folder/../../../x"} {
		if _, err := d.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600); err == nil {
			t.Errorf("%q leads out of the directory", name)
		}
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := disk.Open(dir)
	if err != nil {
		t.Fatalf("opened again: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestFile(t *testing.T) {
	d, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	f, err := d.OpenFile("f", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("hello"), 3); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Error(err)
	}
	if err := f.Truncate(6); err != nil {
		t.Error(err)
	}
	if size, err := f.Size(); err != nil || size != 6 {
		t.Errorf("size %d, %v", size, err)
	}
	if err := d.SyncDir(); err != nil {
		t.Error(err)
	}
}
