package disk_test

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/steersman-ops/steersman/store/disk"
)

func TestReserve(t *testing.T) {
	const mib, gib = int64(1) << 20, int64(1) << 30
	for _, tt := range []struct{ total, want int64 }{
		{100 * mib, 50 * mib}, {120 * mib, 60 * mib}, {400 * mib, 64 * mib}, {2 * gib, 2 * gib / 10}, {10 * gib, gib}, {4000 * gib, gib}, {math.MaxInt64, gib}, {0, 0},
	} {
		if got := disk.Reserve(tt.total); got != tt.want {
			t.Errorf("of %d bytes: %d, want %d", tt.total, got, tt.want)
		}
	}
}

func TestFull(t *testing.T) {
	for err, want := range map[error]bool{
		&os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}: true, fmt.Errorf("a: %w", syscall.EDQUOT): true, syscall.EIO: false, errors.New("no space left on device"): false,
	} {
		if disk.Full(err) != want {
			t.Errorf("Full(%v) is not %v", err, want)
		}
	}
}

// The size is the lever: whether a ballast is large or small for a disk decides
// what is done with it.
func TestBallast(t *testing.T) {
	dir := t.TempDir()
	free, _, err := disk.Space(dir)
	if err != nil {
		t.Fatal(err)
	}
	if free < 64<<20 {
		t.Skipf("only %d bytes are free here", free)
	}
	path := filepath.Join(dir, "ballast")
	size := func() int64 {
		info, err := os.Stat(path)
		if err != nil {
			return -1
		}
		return info.Size()
	}
	trim := func(n int64) bool {
		dropped, err := disk.NewBallast(path, n).Trim()
		if err != nil {
			t.Fatal(err)
		}
		return dropped
	}
	if trim(free) || size() != -1 {
		t.Errorf("a ballast as large as what is free was made: %d bytes", size())
	}
	if trim(3<<20+5) || size() != 3<<20+5 {
		t.Errorf("the ballast has %d bytes, want %d", size(), 3<<20+5)
	}
	if trim(free) || size() != 3<<20+5 {
		t.Error("it was dropped with its size free")
	}
	if !trim(3*free) || size() != -1 {
		t.Error("it was not dropped with a third of its size free")
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if _, err := disk.NewBallast(filepath.Join(dir, "missing", "ballast"), 1).Trim(); err == nil {
		t.Error("no error in a folder that is not there")
	}
}
