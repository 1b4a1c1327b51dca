// Package remotewrite is the door for Prometheus remote write, 1.0 and 2.0.
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
// In version 2 a series names its labels by their places in a table of texts.
// Each text is hashed once in a request, the hash of a series is made of those of
// its texts, and the labels that are remembered are compared with the texts one
// by one: nothing is put together. What all series of a request would be with
// their labels written out is bounded, because a few bytes can refer to long
// texts again and again.
//
// The native histograms of a request are decoded into a few slices for all of
// them, and checked: see [fact.Histogram.Check].
//
// Unknown fields are passed over, as protobuf demands. Labels that are not
// sorted are sorted; such a series is built anew every time.
//
// In version 1 Prometheus sends metadata (type, help, unit) in requests of its
// own, once a minute, and only by metric family. What it said last is remembered and put on
// the series of the family, as [fact.Series] declares them: the _bucket, _sum
// and _count of a histogram are counters. In version 2 it comes with each series,
// by the same rule.
//
// As the specification says, what is valid in a request is taken even if
// something else in it is not; the answer is then 400 and says how much was
// kept, what was refused first and why. A sender does not repeat a 400.
//
// # Limits
//
// An exemplar that is no good is counted as refused, but does not turn the answer
// into an error, because senders add them without being asked twice. The time since when
// a counter counts, which version 2 may tell, is not read. After a restart
// series of version 1 are untyped until the sender repeats its metadata.
package remotewrite
