package watchdog

import (
	"os"
	"syscall"
)

// workerAttr makes the worker the leader of its own process group, so that a
// key press reaches it through the watchdog only, and has the kernel kill it
// when the watchdog dies.
func workerAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends the worker and its children. That there are none is no
// error.
func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
