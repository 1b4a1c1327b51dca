package loki

import (
	"fmt"
	"mime"
	"net/http"

	"github.com/steersman-ops/steersman/signal"
)

const kind = "loki"

// Path is where Loki's senders push to.
const Path = "/loki/api/v1/push"

// NewHandler serves POST [Path].
func NewHandler(d *signal.Doors) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) { serve(d, w, r) })
	return mux
}

func serve(d *signal.Doors, w http.ResponseWriter, r *http.Request) {
	lim := d.Limits.WithDefaults()
	p := &push{lim: &lim, now: d.Clock(), sources: make(map[string]*signal.Tally), written: d.Writing(r.Context())}
	defer p.written.Free()
	ref := d.Guard(kind, func() *signal.Refusal { return take(d, p, w, r) })
	if len(p.sources) == 0 && ref != nil { // nobody knows whose it is
		p.source(kind).Receive(1)
	}
	for name, t := range p.sources {
		t.Settle(ref)
		d.Record(r.Context(), name, kind, p.now, t)
	}
	d.Sources.Answered(kind, p.outcome(ref), d.Clock().Sub(p.now))
	switch {
	case ref != nil:
		signal.WriteRefusal(w, ref)
	case p.first != nil:
		signal.WriteRefusal(w, p.partly())
	default:
		w.WriteHeader(http.StatusNoContent)
	}
}

// take reads a request and hands it on. The refusal is of all of it.
func take(d *signal.Doors, p *push, w http.ResponseWriter, r *http.Request) *signal.Refusal {
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	how, read := signal.Body{}, p.readJSON
	switch {
	case err == nil && typ == "application/x-protobuf", r.Header.Get("Content-Type") == "":
		how, read = signal.Body{Encodings: []string{"snappy"}, Default: "snappy"}, p.readProtobuf
	case err == nil && typ == "application/json":
		how.Encodings = []string{"", "gzip"}
	default:
		return signal.Refuse(signal.Unsupported, "header Content-Type", fmt.Sprintf("%q is not taken", signal.Cut(r.Header.Get("Content-Type"), 100)), "send application/json or application/x-protobuf")
	}
	body, free, ref := d.Read(w, r, how)
	if ref != nil {
		return ref
	}
	defer free()
	if ref := read(body); ref != nil {
		return ref
	}
	if len(p.batch.Lines) == 0 {
		return nil
	}
	p.batch.Received = p.now.UnixMilli()
	return d.Deliver(r.Context(), &p.batch)
}

func (p *push) outcome(ref *signal.Refusal) string {
	switch {
	case ref != nil:
		return ref.Reason.String()
	case p.first != nil:
		return "partly"
	}
	return "ok"
}

// partly tells a sender that some of its lines were kept. The status must be
// 400, whatever the reason: the sender shall not repeat the rest.
func (p *push) partly() *signal.Refusal {
	pr := p.first.Problem
	pr.What += fmt.Sprintf(" (%d of %d lines of this request were kept)", len(p.batch.Lines), p.received)
	return &signal.Refusal{Reason: signal.BadValue, Problem: pr}
}
