// Package watch follows the intake log and says what is wrong, why, and what
// could be done.
//
// It answers one question: given everything that came through the door, what
// should a person be told? It keeps no record and does nothing to the world:
// papers go to an [Outbox], derived series to a [SeriesSink].
//
// # Method
//
// One goroutine reads the log in order from the watcher's own checkpoint.
// Spans draw the service map, the map's seconds and every received series are
// judged by detectors (watch/metrics), what they find is brought together into
// incidents (watch/triage) with likely causes (watch/cause), and for a cause
// that an actuator could mend a proposal is made (watch/remedy). In each tick
// findings are written first, then incidents, then proposals.
//
// All time comes from the log, so the same log gives the same papers, byte for
// byte. Every few seconds of log time the whole state is written to one file,
// which names the log's sequence number; a start reads it and replays what
// came after. Papers are named by what they say, so a replay changes nothing.
//
// # Limits
//
// A replay from a damaged snapshot starts with what the log still holds, so
// detectors learn anew; incidents that are then known from the records only
// ([Options].Open) are closed without a word on how they ended. Figures of the map lag the clock by the lateness that
// spans are granted.
package watch
