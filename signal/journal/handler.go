package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "journal"

// Path is where systemd-journal-upload sends to if it is told to send to
// http://…:8420/journal.
const Path = "/journal/upload"

// What a stream gathers before it is handed on.
const (
	gatherLines = 500
	gatherBytes = 128 << 10
)

// patience is how long a sender may say nothing in the middle of a stream.
const patience = time.Minute

// NewHandler serves POST [Path].
func NewHandler(d *signal.Doors) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+Path, func(w http.ResponseWriter, r *http.Request) { serve(d, w, r) })
	return mux
}

func serve(d *signal.Doors, w http.ResponseWriter, r *http.Request) {
	s := &stream{doors: d, lim: d.Limits.WithDefaults(), http: http.NewResponseController(w), body: r.Body}
	s.begin()
	begun := d.Clock()
	ref := d.Guard(kind, func() *signal.Refusal { return s.take(r) })
	if ref != nil { // the rest of the stream: one item, as nobody knows how many
		t := s.source(s.last)
		t.Receive(1)
		t.Refuse(ref, 1)
	}
	s.settle(r.Context(), nil)
	outcome := "ok"
	switch {
	case ref != nil:
		outcome = ref.Reason.String()
	case s.refused > 0:
		outcome = "partly"
	}
	d.Sources.Answered(kind, outcome, d.Clock().Sub(begun))
	s.hurry()
	if ref != nil {
		signal.WriteRefusal(w, ref)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = fmt.Fprintf(w, "%d lines are kept, %d entries were refused or say nothing\n", s.kept, s.refused) // the sender does not read it
}

// A stream is one body on its way in.
type stream struct {
	doors *signal.Doors
	lim   signal.Limits
	http  *http.ResponseController
	body  io.Reader
	read  int // bytes since the last delivery

	batch   *fact.Batch
	bytes   int
	tallies map[string]*signal.Tally
	last    string // the source of the last entry
	kept    int64
	refused int64
}

func (s *stream) begin() {
	s.batch, s.bytes, s.tallies = &fact.Batch{}, 0, make(map[string]*signal.Tally)
}

// Read reads from the body, with a deadline that is set anew every time.
func (s *stream) Read(p []byte) (int, error) {
	s.hurry()
	n, err := s.body.Read(p)
	s.read += n
	return n, err
}

// hurry gives the sender some time from now on. Not all connections have
// deadlines.
func (s *stream) hurry() {
	_ = s.http.SetReadDeadline(time.Now().Add(patience))
	_ = s.http.SetWriteDeadline(time.Now().Add(patience))
}

func (s *stream) source(name string) *signal.Tally {
	if name == "" {
		name = kind
	}
	t := s.tallies[name]
	if t == nil {
		t = &signal.Tally{}
		s.tallies[name] = t
	}
	return t
}

// take reads the body to its end. The refusal is of what was not read.
func (s *stream) take(r *http.Request) *signal.Refusal {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/vnd.fdo.journal" {
		return signal.Refuse(signal.Unsupported, "header Content-Type", fmt.Sprintf("%q is not taken", signal.Cut(r.Header.Get("Content-Type"), 100)), "send application/vnd.fdo.journal")
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && enc != "identity" {
		return signal.Refuse(signal.Unsupported, "header Content-Encoding", fmt.Sprintf("encoding %q is not taken here", signal.Cut(enc, 40)), "send none, with Compression=no in journal-upload.conf")
	}
	free, ref := s.doors.Hold(r.Context(), bufferBytes+gatherBytes+s.lim.LineBytes)
	if ref != nil {
		return ref
	}
	defer free()
	dec, fields := newDecoder(s, &s.lim), make([]fact.Label, 0, 64)
	for {
		if !dec.more() || len(s.batch.Lines) >= gatherLines || s.bytes >= gatherBytes {
			if ref := s.deliver(r.Context()); ref != nil {
				return ref
			}
			pause(r.Context(), s.doors.Due(r.Context()))
		}
		entry, dropped, err := dec.entry(fields)
		switch {
		case err == io.EOF: //nolint:errorlint // as entry returns it
			return s.deliver(r.Context())
		case errors.Is(err, errFormat):
			return s.after(r.Context(), signal.Refuse(signal.Malformed, "stream", err.Error(), "send the journal export format, whole"))
		case err != nil:
			return s.after(r.Context(), signal.Refuse(signal.Malformed, "stream", "it broke off: "+err.Error(), "send the same again"))
		}
		s.add(entry, dropped)
		fields = entry
	}
}

// after hands on what came whole before something that is refused.
func (s *stream) after(ctx context.Context, ref *signal.Refusal) *signal.Refusal {
	if other := s.deliver(ctx); other != nil {
		return other
	}
	return ref
}

// add takes one entry, or refuses it.
func (s *stream) add(fields []fact.Label, dropped int) {
	now := s.doors.Clock()
	l, rest, ok := line(fields)
	s.last = kind
	if l.Instance != "" {
		s.last = kind + "/" + signal.Cut(l.Instance, 256)
	}
	t := s.source(s.last)
	t.Receive(1)
	var ref *signal.Refusal
	switch {
	case !ok:
		ref = signal.Refuse(signal.Ignored, "entry", "it has no MESSAGE", "nothing needs to be done")
	case dropped > 0:
		ref = signal.Refuse(signal.TooMany, "entry", fmt.Sprintf("%d fields more than are read", dropped), "raise limits.line_fields")
	default:
		ref = signal.FinishLine(&l, rest, &s.lim, now)
	}
	if ref != nil {
		t.Refuse(ref, 1)
		s.refused++
		return
	}
	s.batch.Lines = append(s.batch.Lines, l)
	for _, f := range rest {
		s.bytes += len(f.Name) + len(f.Value)
	}
	s.bytes += len(l.Text)
}

// deliver hands on what was gathered. While the sink may take it later it waits,
// as long as the sender does.
func (s *stream) deliver(ctx context.Context) *signal.Refusal {
	const first, longest = 100 * time.Millisecond, 5 * time.Second
	s.doors.Spend(ctx, s.read)
	s.read = 0
	if len(s.batch.Lines) == 0 {
		return nil
	}
	s.batch.Source, s.batch.Received = kind, s.doors.Clock().UnixMilli()
	if len(s.tallies) == 1 {
		s.batch.Source = s.last
	}
	for wait := first; ; wait = min(2*wait, longest) {
		ref := s.doors.Deliver(ctx, s.batch)
		if ref == nil || !ref.Reason.Retry() || ctx.Err() != nil {
			s.settle(ctx, ref)
			return ref
		}
		pause(ctx, wait)
	}
}

// pause waits, at most until ctx ends.
func pause(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	select {
	case <-ctx.Done():
	case <-time.After(wait):
	}
}

// settle closes the account of what was gathered, and begins anew.
func (s *stream) settle(ctx context.Context, ref *signal.Refusal) {
	for name, t := range s.tallies {
		t.Settle(ref)
		s.kept += t.Accepted
		s.doors.Record(ctx, name, kind, s.doors.Clock(), t)
	}
	s.begin()
}
