//go:build !linux

package realprom

import "os/exec"

// DieWithParent does nothing where the system offers no such thing.
func DieWithParent(*exec.Cmd) {}
