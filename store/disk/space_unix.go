//go:build linux || darwin

package disk

import (
	"os"
	"syscall"
)

// Space returns the bytes that may still be written to the disk on which dir
// lies, and those that it has.
func Space(dir string) (free, total int64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, os.NewSyscallError("statfs", err)
	}
	block := int64(st.Bsize)
	return int64(st.Bavail) * block, int64(st.Blocks) * block, nil
}
