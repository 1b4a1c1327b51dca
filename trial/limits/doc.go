// Package limits puts a running Steersman under what it must bear, and says what
// became of a sender that does nothing wrong meanwhile.
//
// It answers one question: whom does one bad source hurt?
//
// # Method
//
// A real `steersman up` runs under a ceiling on memory. A steady sender writes
// the same 1,000 series once a second and waits for each answer. Beside it, one
// phase after the other:
//
//   - calm: another source sends 20,000 samples a second, its usual.
//   - label sets: it sends series that nobody has seen before, as
//     fast as they are answered, up to 5 million in a phase.
//   - bombs: requests that unpack to a thousand times their size, 16 at a time.
//   - slow: 2,000 connections that announce a body and send a byte a second.
//   - spike: it sends ten times its usual, in an open loop: requests leave when
//     they are due.
//   - after: its usual again.
//
// # Promises
//
// Held or not, as [Report.Promises] says: nothing of the steady sender is
// refused, and what was acknowledged is there at the end; the process stays
// within 1.1 times the ceiling; the bad source is the one with the most refused
// or set aside; 10 seconds after the spike the steady sender is answered as in
// the calm.
//
// # Limits
//
// Sender and Steersman share the machine, so latencies include the sender's own
// work. Resident memory is read from /proc, which only Linux has.
package limits
