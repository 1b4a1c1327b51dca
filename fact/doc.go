// Package fact holds the papers that the rooms pass to one another: what was
// observed, what was found, what was proposed, judged, permitted, done, and
// what came of it.
//
// It answers one question: what does a paper look like, and is this one well
// formed? It does no I/O, keeps no state, starts nothing and knows no room.
//
// # Time
//
// Observations carry integers, because there are many of them: points count
// Unix milliseconds, spans Unix nanoseconds. Papers that people read carry
// [time.Time] in UTC. Time always comes with the data; nothing here looks at a
// clock.
//
// # Identity
//
// A paper's ID is a hash of what makes it that paper (see [ID]), so the same
// observations give the same papers with the same names, on every machine and
// after every restart.
package fact
