// Package series keeps metric samples in Prometheus' own time series database
// and answers PromQL over them, in Go and over Prometheus' HTTP API.
//
// It answers one question: what was the value of this series at that time? It
// does not decide which samples may come in (the doors do), nor what a value
// means (the rooms behind it do).
//
// # Method
//
// [Store] wraps tsdb, promql and web/api/v1 of github.com/prometheus/prometheus.
// [Keeper] fills it from the intake log and remembers how far it came, so that
// after any stop it goes on where the data on disk ends.
//
// Every sample meets one of three fates, and all are counted: stored,
// duplicate (the same value is already there at that time: nothing is done),
// or quarantined (it contradicts what is stored, is too old or too new, or
// cannot be a series). The store finds duplicates itself, because the database
// does so only for the newest sample of a series: for each series it remembers
// the newest sample, and what is not newer than that is looked up first.
//
// Native histograms are samples like others. Deltas, of counters and of
// histograms, are added up to what their series has: the newest sample of the
// series is the whole state, so it is as durable as the samples are, and a batch
// that is read or sent again finds its samples there and adds nothing.
// docs/decisions/0006-deltas-are-added-up-by-the-store.md has the reasons.
//
// # Durability
//
// [Store.Append] returns when the samples are visible to queries and handed to
// the operating system, so they survive the end of the process. They survive
// the loss of power when [Store.Sync] has returned after that. The keeper
// writes its checkpoint only then.
//
// # Limits
//
// No exemplars. An increase that comes after a later one of its series is
// quarantined as out of order: what it adds cannot be put in behind. A series of
// increases that was silent for three hours begins anew at zero. Samples older than the
// newest of the whole store by more than Options.OutOfOrder are quarantined. A
// sample whose series has had no other sample for hours and has left memory is
// not recognised as a duplicate; it is then stored twice, which queries do not
// show. If the clock of this machine runs ahead by more than Options.OutOfOrder
// and is set back, samples are quarantined as too old until it has caught up.
// What other rooms append themselves is not in the intake log, so the keeper
// cannot mend it after damage to the files.
package series
