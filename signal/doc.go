// Package signal is the front door: what every door needs, whatever protocol
// it speaks.
//
// It answers one question: may this come in, and who sent it? The doors
// themselves, signal/otlp, signal/remotewrite and signal/hook, decode; this
// package gives them the limits, reads and unpacks bodies within those limits,
// hands batches to the [Sink], and keeps the account of every source.
//
// # Method
//
// A door is stateless: it reads a request, refuses in the answer what cannot
// be taken, and makes one [fact.Batch] of the rest. The answer is given when
// the sink says that the batch is durable, not before. What a sender must know
// is in the answer: 429 with Retry-After (gRPC: ResourceExhausted with
// RetryInfo) when the sink is busy, 503 (Unavailable) when it failed, 400
// (InvalidArgument) with a [fact.Problem] when the data is wrong, 401
// (Unauthenticated) when the token is, 413 when it
// is too much, 415 when it is something that the door does not speak.
//
// # Who sends
//
// [Doors.Enter], or [Doors.Admit] around an HTTP handler, says who sends, before
// anything is read. Whoever sends the token of a named source ([Keys]) is that
// source, whatever the data says: its name is the account's and the batch's. Who
// has no token is let in where the door is open, under the name that the door
// makes of the data. What Enter found out is in the request's context, which
// [Doors.Read], [Doors.Unpack], [Doors.Newcomers], [Doors.Deliver] and
// [Doors.Record] look at; a door only hands the context on.
//
// # Fair shares
//
// The memory for bodies, what waits for the sink, and the series that come new
// in a minute are divided by dynamic thresholds: a sender may hold eight times
// what is still free, so one that floods is refused first and there is always
// something left for one that comes new. A named source may have limits of its
// own below that ([SourceLimits]). Series that were there go on, whatever new
// ones come beside them.
//
// The law of the account, for each source and for each door:
//
//	received = accepted + refused
//
// in items. An item is a sample after translation to Prometheus' model (an
// OTLP histogram point with n bounds is n+3 of them, a native histogram is one,
// an OTLP resource with points is one more: its target_info), a span, or a change. A request that
// cannot be read is one item received and refused, because nobody can say what
// was in it. What was accepted is exactly what is in the batches that the sink
// took.
//
// # Limits
//
// Nothing here keeps a request: a sender that is told to try again must still
// have it. The account lives in memory and is bounded; [Sources.Restore] takes
// up an earlier one.
package signal
