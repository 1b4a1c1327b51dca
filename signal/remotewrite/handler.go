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
	h.doors.Sources.Record(source, kind, start, &res.tally)
	h.doors.Sources.Answered(kind, outcome(ref, res.first), h.doors.Clock().Sub(start))
	written(w.Header(), res.tally.Accepted)
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
func written(h http.Header, samples int64) {
	h.Set("X-Prometheus-Remote-Write-Samples-Written", strconv.FormatInt(samples, 10))
	h.Set("X-Prometheus-Remote-Write-Histograms-Written", "0")
	h.Set("X-Prometheus-Remote-Write-Exemplars-Written", "0")
}

// take reads a request and hands it on. The refusal is of all of it.
func (h *handler) take(w http.ResponseWriter, r *http.Request, source string, now int64) (res result, ref *signal.Refusal) {
	if ref := checkType(r.Header.Get("Content-Type")); ref != nil {
		return res, ref
	}
	body, free, ref := h.doors.Read(w, r, signal.Body{Encodings: []string{"snappy"}, Default: "snappy"})
	if ref != nil {
		return res, ref
	}
	defer free()
	if res, ref = h.decoder.decode(body); ref != nil {
		return refused(res.tally.Received, ref), ref
	}
	if len(res.series) > 0 {
		ref = h.doors.Deliver(r.Context(), &fact.Batch{Source: source, Received: now, Series: res.series})
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

// checkType lets remote write 1.0 through, also from senders that say nothing.
func checkType(header string) *signal.Refusal {
	if header == "" {
		return nil
	}
	typ, params, err := mime.ParseMediaType(header)
	if err == nil && typ == "application/x-protobuf" && (params["proto"] == "" || params["proto"] == "prometheus.WriteRequest") {
		return nil
	}
	return signal.Refuse(signal.Unsupported, "header Content-Type", fmt.Sprintf("%q is not taken", signal.Cut(header, 100)), "send remote write 1.0; in Prometheus set protobuf_message: prometheus.WriteRequest under remote_write")
}
