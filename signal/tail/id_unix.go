//go:build unix

package tail

import (
	"io/fs"
	"syscall"
)

// identify returns what tells a file from others of this machine.
func identify(_ string, fi fs.FileInfo) id {
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		return id{uint64(st.Dev), uint64(st.Ino)}
	}
	return id{}
}
