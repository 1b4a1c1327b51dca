// Package logdb keeps rows of many columns by their time, and finds them again
// by what is in the columns. The stores of log lines and of spans are built on
// it.
//
// It answers one question: how is VictoriaLogs' storage engine lived with? What
// a row means, and which columns it has, the stores know.
//
// # Method
//
// [DB] wraps lib/logstorage of github.com/VictoriaMetrics/VictoriaLogs: one
// partition per day of the rows' own time, columns with Bloom filters, rows of
// one stream side by side. Each kind of row has a database of its own: what is
// kept, and for how long, goes by whole days of a database, and the kinds differ
// in that. Their caches and the memory of their searches are of the process
// (see Options.Memory), so two databases cost little more than one.
//
// [Newest] walks backwards from the newest row that is asked for, in windows
// that grow, until it has as many rows as it may return, or has reached the
// start, or its time is over. So the newest rows of a large database cost as
// little as those of a small one, and a search for what is not there ends.
// [Earliest] looks through all of the time at once.
//
// [Keeper] fills a database from the intake log.
//
// # Durability
//
// [DB.Put] returns when the rows are in memory; they can be found about a second
// later, and are on the disk when [DB.Sync] has returned. The keeper writes its
// checkpoint only then. Every row carries the number of its batch, and all rows
// of a batch and day become durable together, so on a replay [DB.Put] asks what
// is there of a batch, and adds the rest: no row is lost and none is there
// twice, wherever the process ended.
//
// Each row meets one of four fates, and all are counted: stored, duplicate (it
// was there, on a replay), expired (older than the retention), or quarantined
// (it is larger than the engine takes, or its time is far ahead).
//
// # Limits
//
// logstorage ends the process when it cannot go on: its calls panic when the
// disk refuses a write or a file is damaged, in goroutines of its own too, and
// lib/fs exits when it cannot remove a file. The watchdog then starts the worker
// again, which goes on from its checkpoint. So that a full disk does not come to
// that, nothing is added while less than Options.MinFree is free; rows then
// wait in the intake log. A database that is damaged at rest stops the start
// with the folder's name in the text; the day's folder can be moved away.
//
// It reads flags of the process for its memory (see prepare), and writes what it
// warns of to standard error, in a format of its own.
//
// Retention goes by whole days. Under Options.MaxBytes the oldest days go first
// and the newest stays, however large. Field names longer than 100 bytes are cut
// and told apart by a hash. Among rows of the same nanosecond the order is not
// defined.
package logdb
