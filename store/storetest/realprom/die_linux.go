package realprom

import (
	"os/exec"
	"syscall"
)

// dieWithParent ends the program when the test is killed, so that nothing is
// left running.
func dieWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
