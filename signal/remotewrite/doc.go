// Package remotewrite is the door for Prometheus remote write 1.0.
//
// It answers one question: which points of which series are in this request?
//
// # Method
//
// The protobuf is read by hand, in two passes over the bytes. The first counts
// series and samples, so that limits are kept before anything is allocated; the
// second decodes. A request costs two allocations, one for all its series and
// one for all its points, however many there are, as long as its series are
// known: a bounded table remembers the labels of the series that were seen, by
// a hash of their bytes on the wire, and compares them byte by byte before it
// believes the hash.
//
// Unknown fields are passed over, as protobuf demands. Labels that are not
// sorted are sorted; such a series is built anew every time.
//
// Prometheus sends metadata (type, help, unit) in requests of its own, once a
// minute, and only by metric family. What it said last is remembered and put on
// the series of the family, as [fact.Series] declares them: the _bucket, _sum
// and _count of a histogram are counters.
//
// As the specification says, what is valid in a request is taken even if
// something else in it is not; the answer is then 400 and says how much was
// kept, what was refused first and why. A sender does not repeat a 400.
//
// # Limits
//
// Remote write 2.0 is answered with 415, whereupon a sender falls back to 1.0
// or says what to configure. Native histograms are refused and counted.
// Exemplars are counted as refused too, but do not turn the answer into an
// error, because senders add them without being asked twice. After a restart
// series are untyped until the sender repeats its metadata.
package remotewrite
