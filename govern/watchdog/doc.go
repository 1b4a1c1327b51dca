// Package watchdog is the small, deterministic part that can only stop: the
// kill switch, and the parent process that keeps the worker alive.
//
// It answers two questions: may anything be done at all right now ([Switch]),
// and is the worker running ([Supervisor])? It knows no model, opens no store
// and never decides that something should be done.
//
// # Method
//
// The switch is a file named STOP in the data directory, and a copy of it in
// memory. If there is such a file, the switch is engaged, whatever the file
// holds: an empty, torn or unreadable file stops as well as a good one, and so
// does a directory that cannot be asked. So it works with every store down,
// survives a restart, and can be engaged with touch(1). Engage writes the file
// durably before it touches memory.
//
// The supervisor runs one command as a child process and starts it again when
// it ends, sooner or later depending on how long it lived. The child is tied
// to its parent twice: by a pipe on its standard input, which ends when the
// parent does (see [Tie]), and on Linux by a signal that the kernel sends.
//
// # Limits
//
// The switch stops what Steersman does. It does not take back what was done:
// an action that holds a lease returns by itself, the others stay as they are.
// A program that shares the data directory over a network file system may see
// the file late.
package watchdog
