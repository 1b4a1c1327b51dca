// Package otlp is the door for OpenTelemetry's protocol: metrics, traces and
// logs over gRPC and over HTTP, as protobuf and as JSON, plain, with gzip, and
// over HTTP with zstd.
//
// It answers one question: which series, spans and lines are in this request?
//
// # Method
//
// All ways in lead to one: the bytes are first walked without decoding, so that
// the number of objects and their depth are known to be bounded (a few bytes
// can make a large object, and decoders recurse); then they are decoded,
// translated, and handed on as one batch. What cannot be taken of a request is
// refused by span, data point or log record, and the answer says how many and why
// (partial success), as the protocol has it.
//
// Metrics become Prometheus' series as Prometheus' own OTLP receiver makes
// them, with its defaults: names and units through otlptranslator, labels
// escaped, job from service.namespace and service.name, instance from
// service.instance.id, the scope left out, target_info with the other resource
// attributes. In addition the attributes that tell of which entity a series is
// are labels of each: service_name, service_namespace, service_version,
// k8s_namespace_name, k8s_pod_name, and, where nothing else tells two
// processes or machines apart, host_name (see signal/entity). A histogram is
// its _bucket, _sum and _count; a summary its quantiles, _sum and _count. A
// point without a recorded value becomes Prometheus' stale marker.
//
// A span has failed when whoever did it is to blame, and not when it was asked
// something wrong: see the function failed. Of its attributes only a short list is kept
// (see keptName); old names of the same thing become the new.
//
// A log record becomes a line: its body is the text (what is not text as JSON),
// its attributes are the fields, with the event's name, the scope, and where it
// ran (see placeName) among them. A number for the severity is taken as it is;
// without one the severity text is read. Without a time of its own it has the
// time at which it was observed, and without that the time of receipt. Unlike a
// span it need not name a service.
//
// # Limits
//
// Deltas of sums that go up and down are refused, because nobody could say what
// they add up to, and exponential histograms of a scale below -4, which native
// histograms do not have. Exemplars keep the ids of trace and span, and what else
// fits in 128 characters. Span events and links are left out. A span whose
// resource names no service is refused, because nothing could be said of it.
// Texts and fields of lines that are longer than the limits are cut, and the
// line says so; one with too many fields is refused.
// target_info is written once per resource and request, at the time of its
// latest point.
package otlp
