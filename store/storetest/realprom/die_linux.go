package realprom

import (
	"os/exec"
	"syscall"
)

// DieWithParent ends the program when the test is killed, so that nothing is
// left running.
func DieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
