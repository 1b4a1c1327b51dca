// Package topology turns spans into who calls whom, second by second: how many
// requests, how many failed, how long they took, as the caller and as the
// callee measured it.
//
// It answers one question: in this second, what flowed over each edge? It
// does not judge; package watch/metrics does. It looks at no clock: the time
// comes with [Graph.Advance], and the same calls give the same answers.
//
// # Method
//
// A request belongs to the second in which its span ended. Spans are held
// until that second closes, which is when the watermark (now − lateness) has
// passed it; until then the spans of one trace may come in any order, in any
// number of batches, and twice. When the second closes, a client span is
// paired with the server span whose parent it is, a server span with its
// parent. A client span that found no server span (the callee is down, gave no
// answer, or tells nothing) is charged to the service that its Peer has meant
// before, or else to a service of that name. A producer span always goes to
// its Peer, because its consumer may come hours later.
//
// The lateness is [Config.Lateness] and grows, up to [Config.MaxLateness], to
// what 99 of 100 spans needed lately, because exporters batch for one to five
// seconds. A span that comes later still is counted in the oldest second that
// is open, so no request is lost from the rates, and in [Stats] as late.
//
// The time that a server span spent waiting for others is the union of the
// times of the client spans below it (through internal spans of the same
// service), cut to the server span's own. Two parallel calls of 10 ms cover
// 10 ms, not 20.
//
// # Limits
//
// A server span whose parent is not known when its second closes counts as
// called from outside. Client and server spans that share one span id (Zipkin's
// old habit) look like duplicates. A service whose clock is wrong by more than
// the lateness is counted at the wrong second; by more than [Config.MaxLate] or
// [Config.MaxAhead], not at all, but counted in [Stats]. Everything that is
// held is bounded; what did not fit is counted, with the name of the last
// offender.
package topology
