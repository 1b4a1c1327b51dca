// Package lines keeps log lines and finds them again by text, field, trace and
// time.
//
// It answers one question: which lines were written then, that say this? It
// does not decide which lines may come in (the doors do), and knows nothing of
// what they mean.
//
// # Method
//
// [Store] is a database of package logdb, which tells of durability, fates and
// searches, with one stream per service. A line's fields are columns under their
// own names; what is ours (entity, instance, severity, trace, …) is in columns
// that begin with an @, and a field that does so, or that the engine keeps for
// itself, is written with @. before it.
//
// # Limits
//
// Those of package logdb. When a line was first seen is kept only where it is a
// second or more from its time.
package lines
