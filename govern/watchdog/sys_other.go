//go:build !linux

package watchdog

import (
	"os"
	"syscall"
)

// workerAttr: elsewhere than on Linux, the pipe of [Tie] is the only tie.
func workerAttr() *syscall.SysProcAttr { return nil }

// killGroup ends the worker. That it has ended already is no error.
func killGroup(p *os.Process) { _ = p.Kill() }
