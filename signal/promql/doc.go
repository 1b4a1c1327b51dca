// Package promql reads what people already have: a Prometheus, Mimir, Thanos or
// VictoriaMetrics, given nothing but its address.
//
// It answers one question: what is new over there, that is worth watching? It is
// a door like the others, only that it pulls: what it reads goes through
// [signal.Doors.Deliver] into the intake log, under a source of its own
// ("read/HOST"), and from there on it is what it would have been had it been
// sent. It asks with GET and writes nothing to their side.
//
// # Method
//
// Every ten minutes it counts the series of each metric of each job, in one
// query, and reads the types of the metrics. By the words that names are made of
// by convention, and by type, it ranks: whether it is up, requests, errors,
// durations, restarts, queues and other saturation, then the rest. Each job has a
// turn before one has another, until half of the budget of a minute is used.
// What is left out is told, with the reason.
//
// Samples are read as they are: an instant query with a range selector,
// {__name__=~"a|b"}[45s], gives the original times and values, and nothing is
// resampled. Each reading begins a little before the end of the one before
// ([Options].Late), and what was had of a series is left out. All of one round is
// handed on together, so that no part looks as if it had been silent.
//
// A series that is new to us is read from [Options].History on, in pieces, beside
// the live readings, as far as the budget allows. After a stop it is read from
// where the checkpoint says, at most [Options].CatchUp back. A checkpoint that is
// older than what was read, or lost, costs reading again: the store knows a
// sample that comes twice.
//
// # When their side is in trouble
//
//	cannot be reached, 5xx           tried again after 1 s, 2 s, … 60 s
//	429                              the same, or as long as it asks for
//	401, 403, 404, not an API        the same, and people are told what to mend
//	413, 422, or larger than allowed  divided: by names, jobs, time, a label
//	not answered three times over    set aside until the next look at what is there
//	partial (warnings)               taken, and read again for five minutes
//
// A round of which a part failed is not handed on, and read again. Each failure
// is one item received and refused in the account of the source.
//
// # Limits
//
// Range selectors tell no stale markers: that a series has ended is seen by its
// silence, a minute later than from a stream. Native histograms and exemplars
// are not read, of classic histograms the sum and the count only. A series that
// lags behind the others of its metric by more than Late misses samples, and so
// does all that appears more than five minutes and Late after its time. A
// metric that alone has more series than half of the budget is left out as a
// whole. The budget of bytes is of answers after decompression, and an answer
// that turns out larger than foreseen is counted after it came: a minute may
// overdraw it by one answer.
package promql
