package faultfs_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/steersman-ops/steersman/store/disk"
	"github.com/steersman-ops/steersman/store/storetest/faultfs"
)

// What was synced, name and content, is there after every crash; what was not is
// sometimes there, sometimes not, and sometimes in part.
func TestCrash(t *testing.T) {
	old, new := strings.Repeat("o", 3000), strings.Repeat("n", 3000)
	seen := make(map[string]bool)
	for seed := range uint64(300) {
		d := faultfs.New(seed)
		if err := disk.WriteFile(d, "f", []byte(old), 0); err != nil {
			t.Fatal(err)
		}
		f, err := d.OpenFile("f", os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt([]byte(new), 2560); err != nil {
			t.Fatal(err)
		}
		if _, err := d.OpenFile("g", os.O_CREATE|os.O_RDWR, 0); err != nil {
			t.Fatal(err)
		}
		killed := d.Kill()
		if data, err := disk.ReadFile(killed, "f"); err != nil || string(data) != old[:2560]+new {
			t.Fatalf("seed %d: a new process does not see what was written: %v", seed, err)
		}
		next := killed.Crash()
		data, err := disk.ReadFile(next, "f")
		if err != nil || !strings.HasPrefix(string(data), old[:2560]) {
			t.Fatalf("seed %d: what was synced is lost: %v", seed, err)
		}
		_, err = disk.ReadFile(next, "g")
		switch {
		case string(data) == old:
			seen["lost"] = true
		case string(data) == old[:2560]+new:
			seen["kept"] = true
		default:
			seen["torn"] = true
		}
		seen[map[bool]string{true: "name kept", false: "name lost"}[err == nil]] = true
		if _, err := f.WriteAt(nil, 0); !errors.Is(err, faultfs.ErrCrashed) {
			t.Fatalf("seed %d: the old disk still works: %v", seed, err)
		}
	}
	if len(seen) != 5 {
		t.Errorf("of 300 crashes these came about: %v", seen)
	}
}

func TestFaults(t *testing.T) {
	d := faultfs.New(1)
	f, err := d.OpenFile("f", os.O_CREATE|os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	d.Set(faultfs.Faults{Capacity: 10})
	if n, err := f.WriteAt(make([]byte, 20), 0); n != 10 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("20 bytes on a disk of 10: %d, %v", n, err)
	}
	d.Set(faultfs.Faults{Write: 1, Sync: 1, Truncate: 1, Name: 1})
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("WriteAt: %v", err)
	}
	for name, err := range map[string]error{
		"Sync": f.Sync(), "Truncate": f.Truncate(1), "Rename": d.Rename("f", "g"), "Remove": d.Remove("f"), "SyncDir": d.SyncDir(),
	} {
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Set(faultfs.Faults{Fuse: 2})
	if _, err := f.WriteAt([]byte("x"), 0); err != nil {
		t.Errorf("the first call: %v", err)
	}
	if err := f.Sync(); !errors.Is(err, faultfs.ErrCrashed) {
		t.Errorf("the second call, at which the power goes: %v", err)
	}
}
