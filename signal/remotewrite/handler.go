package remotewrite

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "remote-write"

// NewHandler serves remote write, at whatever path it is mounted. The source is
// "remote-write", or "remote-write/NAME" if the sender's URL ends in
// ?source=NAME, which tells several Prometheus servers apart.
func NewHandler(d *signal.Doors) http.Handler {
	return &handler{doors: d, decoder: newDecoder(d.Limits)}
}

type handler struct {
	doors   *signal.Doors
	decoder *decoder
}

func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "remote write is a POST", http.StatusMethodNotAllowed)
		return
	}
	start := h.doors.Clock()
	source := kind
	if name := r.URL.Query().Get("source"); name != "" {
		source += "/" + signal.Cut(strings.ToValidUTF8(name, "?"), 64)
	}
	var res result
	ref := h.doors.Guard(kind, func() (ref *signal.Refusal) {
		res, ref = h.take(w, r, source, start.UnixMilli())
		return ref
	})
	if ref != nil && res.tally.Received == 0 {
		res = refused(1, ref)
	}
	h.doors.Record(r.Context(), source, kind, start, &res.tally)
	h.doors.Sources.Answered(kind, outcome(ref, res.first), h.doors.Clock().Sub(start))
	written(w.Header(), &res)
	switch {
	case ref != nil:
		signal.WriteRefusal(w, ref)
	case res.first != nil:
		signal.WriteRefusal(w, partly(&res))
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

func outcome(ref, first *signal.Refusal) string {
	switch {
	case ref != nil:
		return ref.Reason.String()
	case first != nil:
		return "partly"
	}
	return "ok"
}

// partly tells a sender that some of its samples were kept. The status must be
// 400, whatever the reason: the sender shall not repeat the rest.
func partly(res *result) *signal.Refusal {
	p := res.first.Problem
	p.What += fmt.Sprintf(" (%d of %d samples of this request were kept)", res.tally.Accepted, res.tally.Received)
	return &signal.Refusal{Reason: signal.BadValue, Problem: p}
}

// written sets the headers in which a receiver says what it kept.
func written(h http.Header, res *result) {
	var native, exemplars int64
	if res.tally.Accepted > 0 {
		native, exemplars = res.native(), int64(len(res.exemplars))
	}
	h.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.FormatInt(res.tally.Accepted-native-exemplars, 10))
	h.Set("X-Prometheus-Remote-Write-Histograms-Written", strconv.FormatInt(native, 10))
	h.Set("X-Prometheus-Remote-Write-Exemplars-Written", strconv.FormatInt(exemplars, 10))
}

// take reads a request and hands it on. The refusal is of all of it.
func (h *handler) take(w http.ResponseWriter, r *http.Request, source string, now int64) (res result, ref *signal.Refusal) {
	decode := h.decoder.decode
	switch version, ref := versionOf(r.Header.Get("Content-Type")); {
	case ref != nil:
		return res, ref
	case version == 2:
		decode = h.decoder.decode2
	}
	body, free, ref := h.doors.Read(w, r, signal.Body{Encodings: []string{"snappy"}, Default: "snappy"})
	if ref != nil {
		return res, ref
	}
	defer free()
	if res, ref = decode(body, h.doors.Newcomers(r.Context(), source)); ref != nil {
		return refused(res.tally.Received, ref), ref
	}
	if len(res.series)+len(res.histograms)+len(res.exemplars) > 0 {
		ref = h.doors.Deliver(r.Context(), &fact.Batch{Source: source, Received: now, Series: res.series, Histograms: res.histograms, Exemplars: res.exemplars})
	}
	res.tally.Settle(ref)
	return res, ref
}

// refused is the result of a request of n items of which nothing is taken.
func refused(n int64, ref *signal.Refusal) (res result) {
	res.tally.Receive(int(n))
	res.tally.Settle(ref)
	return res
}

// versionOf returns the version of remote write that a request is of: 1 also if
// its sender says nothing.
func versionOf(header string) (int, *signal.Refusal) {
	if header == "" {
		return 1, nil
	}
	typ, params, err := mime.ParseMediaType(header)
	if err == nil && typ == "application/x-protobuf" {
		switch params["proto"] {
		case "", "prometheus.WriteRequest":
			return 1, nil
		case "io.prometheus.write.v2.Request":
			return 2, nil
		}
	}
	return 0, signal.Refuse(signal.Unsupported, "header Content-Type", fmt.Sprintf("%q is not taken", signal.Cut(header, 100)), "send application/x-protobuf;proto=io.prometheus.write.v2.Request, or prometheus.WriteRequest")
}
