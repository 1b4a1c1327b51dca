// Package spans keeps spans and finds them again: all of one trace, or by
// service, operation, outcome, duration, attribute and time.
//
// It answers one question: what was done then, by whom, for whom, and how did it
// end? It does not decide which spans may come in (the doors do), keeps all that
// come out of the intake log, and knows nothing of rates and maps.
//
// # Method
//
// [Store] is a database of package logdb, which tells of durability, fates and
// searches. A span's time is its start. The name of its operation is the text in
// which words are looked for, an attribute is a column under its own name, and
// what is ours (trace, span, parent, duration, …) is in columns that begin with
// an @.
//
// There are sixteen streams, by the last digit of the trace, so the spans of one
// trace lie in one block or two, whatever services they are of: [Store.Trace]
// looks into a sixteenth of all that is kept, of which the Bloom filters leave
// these. With a stream per service, as log lines have, a trace took seven times
// as long, and a search by service through all of the time a third; but such a
// search begins at the newest, and mostly ends there.
//
// [Store.Search] walks backwards from the newest span.
//
// # Limits
//
// Those of package logdb, except that an attribute's name comes back whole,
// however long it is. Retention goes by a span's start: of a trace around
// midnight the first half may go a day before the second. Two attributes of one
// span whose names are longer than 120 bytes, begin with the same 100 and have
// the same 32-bit hash are one column, and one of them is lost.
package spans
