// Package scrape asks targets for their metrics, as Prometheus does, from the
// scrape_configs of a Prometheus configuration.
//
// It answers one question: what do the targets say of themselves, now? Discovery,
// relabelling, the requests, the formats and the series that tell of a scrape (up,
// scrape_duration_seconds, …) are Prometheus' own packages; this one reads the
// configuration, and makes batches of what they append.
//
// # Method
//
// [Parse] hands each entry of scrape_configs to Prometheus' own strict decoder,
// written out anew, and translates the lines of its complaints back to those of
// the file. Found can be targets by static_configs, file, DNS, Kubernetes and
// HTTP; the others are not built in.
//
// What one scrape of one target gives is one [fact.Batch] of the source
// scrape:JOB: the samples, the stale markers of series that are gone, and the
// report of the scrape. It goes to the sink when Prometheus commits it. A sink
// that is busy or fails is asked again until the next scrape of this job is due.
// If it takes nothing until then this scrape is a gap, in up as in all its
// series, because there is nowhere to write that it failed; it is in the account of
// the source as refused, with the reason, and in the log. Up is 0 when a target
// cannot be asked, says what cannot be read, or exceeds a limit of its job; what
// it said is then counted as malformed, and none of it is kept.
//
// An exemplar is told by a target until it has a newer one; it is taken once.
//
// A series that our limits refuse (too many new ones, labels too long) is
// refused alone, and counted; the rest of the scrape is kept.
//
// # Limits
//
// The times since when counters count are not read.
//
// Bodies being read are not part of limits.in_flight_bytes: there are at most as
// many as targets, each of at most the body_size_limit of its job, which is
// limits.plain_bytes if it says nothing. What is gathered of a scrape until its
// commit is bounded by its sample_limit, in the same way limits.points.
//
// Samples more than ten minutes ahead, and the second of two samples of one
// series in one scrape, never leave Prometheus' code; it counts them, and so does
// steersman_scrape_dropped_samples_total.
//
// With Kubernetes, some goroutines of client-go may sleep for a few seconds after
// Run has returned, until they see that they are not wanted any more.
//
// Target and metadata are not remembered across restarts: a target that is gone
// after one gets no stale markers, as with Prometheus.
package scrape
