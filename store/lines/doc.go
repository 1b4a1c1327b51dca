// Package lines keeps log lines and finds them again by text, field, trace and
// time.
//
// It answers one question: which lines were written then, that say this? It
// does not decide which lines may come in (the doors do), and knows nothing of
// what they mean.
//
// # Method
//
// [Store] wraps lib/logstorage of github.com/VictoriaMetrics/VictoriaLogs: one
// partition per day of the lines' own time, columns with Bloom filters, one
// stream per service. A line's fields are columns under their own names; what
// is ours (entity, instance, severity, trace, …) is in columns that begin with
// an @, and a field that does so, or that the database keeps for itself, is
// written with @. before it.
//
// A search walks backwards from the newest line that is asked for, in windows
// that grow, until it has as many lines as it may return, or has reached the
// start, or its time is over. So the newest lines of a large store cost as
// little as those of a small one, and a search for what is not there ends.
//
// [Keeper] fills the store from the intake log.
//
// # Durability
//
// [Store.Put] returns when the lines are in memory; they can be found about a
// second later, and are on the disk when [Store.Sync] has returned. The keeper
// writes its checkpoint only then. Every line carries the number of its batch,
// and all lines of a batch and day become durable together, so on a replay
// [Store.Put] asks what is there of a batch, and adds the rest: no line is lost
// and none is there twice, wherever the process ended.
//
// Each line meets one of four fates, and all are counted: stored, duplicate
// (it was there, on a replay), expired (older than the retention), or
// quarantined (it is larger than the database takes, or its time is far ahead).
//
// # Limits
//
// logstorage ends the process when it cannot go on: its calls panic when the
// disk refuses a write or a file is damaged, in goroutines of its own too, and
// lib/fs exits when it cannot remove a file. The watchdog then starts the worker
// again, which goes on from its checkpoint. So that a full disk does not come to
// that, nothing is added while less than Options.MinFree is free; lines then
// wait in the intake log. A database that is damaged at rest stops the start
// with the folder's name in the text; the day's folder can be moved away.
//
// It reads flags of the process for its memory (see prepare), and writes what it
// warns of to standard error, in a format of its own.
//
// Retention goes by whole days. Under Options.MaxBytes the oldest days go first
// and the newest stays, however large. Field names longer than 100 bytes are cut
// and told apart by a hash. When a line was first seen is kept only where it is
// a second or more from its time. Among lines of the same nanosecond the order
// is not defined.
package lines
