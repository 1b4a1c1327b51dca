package otlp

import (
	"context"
	"mime"
	"net/http"
	"strconv"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/steersman-ops/steersman/signal"
)

const (
	typeProtobuf = "application/x-protobuf"
	typeJSON     = "application/json"
)

// NewHandler serves OTLP over HTTP: POST /v1/traces, /v1/metrics and /v1/logs.
func NewHandler(d *signal.Doors) http.Handler {
	mux := http.NewServeMux()
	for _, s := range services() {
		mux.HandleFunc("POST "+s.path, func(w http.ResponseWriter, r *http.Request) { serve(d, &s, w, r) })
	}
	return mux
}

func serve(d *signal.Doors, s *service, w http.ResponseWriter, r *http.Request) {
	typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	enc := protobuf
	switch {
	case err == nil && typ == typeProtobuf:
	case err == nil && typ == typeJSON:
		enc = jsonText
	default:
		unread(r.Context(), d, signal.Refuse(signal.Unsupported, "header Content-Type", strconv.Quote(signal.Cut(r.Header.Get("Content-Type"), 100))+" is not taken", "send "+typeProtobuf+" or "+typeJSON), w, enc)
		return
	}
	body, free, ref := d.Read(w, r, signal.Body{Encodings: []string{"", "gzip", "zstd"}})
	if ref != nil {
		unread(r.Context(), d, ref, w, enc)
		return
	}
	defer free()
	out, ref := take(r.Context(), d, s, body, enc)
	if ref != nil {
		writeStatus(w, ref, enc)
		return
	}
	w.Header().Set("Content-Type", contentType(enc))
	if _, err := w.Write(out); err != nil {
		d.Logger.Debug("answer to OTLP", "err", err)
	}
}

// unread accounts for a request whose body was not read, and answers it.
func unread(ctx context.Context, d *signal.Doors, ref *signal.Refusal, w http.ResponseWriter, enc encoding) {
	d.Turn(ctx, kind, kind, ref)
	writeStatus(w, ref, enc)
}

func contentType(enc encoding) string {
	if enc == jsonText {
		return typeJSON
	}
	return typeProtobuf
}

// writeStatus answers with a google.rpc.Status in the encoding of the request,
// as the protocol wants it.
func writeStatus(w http.ResponseWriter, ref *signal.Refusal, enc encoding) {
	st := status.New(code(ref.Reason), ref.Error()).Proto()
	var out []byte
	var err error
	if enc == jsonText {
		out, err = protojson.Marshal(st)
	} else {
		out, err = proto.Marshal(st)
	}
	if err != nil { // the text is not UTF-8: it cannot be
		out = nil
	}
	if wait := ref.Wait(); wait > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	}
	w.Header().Set("Content-Type", contentType(enc))
	w.WriteHeader(ref.Reason.Status())
	_, _ = w.Write(out) // if it fails, the sender is gone
}
