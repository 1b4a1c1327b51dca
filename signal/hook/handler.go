package hook

import (
	"encoding/json"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

const kind = "hook"

// NewHandler serves POST /hooks/change and POST /hooks/cdevents. The answer to
// a change is its JSON, with the ID that it got. open says whether senders
// without a token are let in.
func NewHandler(d *signal.Doors, open bool) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("POST /hooks/change", door(d, "hooks/change", func(_ http.Header, body []byte, now time.Time, ahead time.Duration) (fact.Change, *signal.Refusal) {
		return Parse(body, now, ahead)
	}))
	mux.Handle("POST /hooks/cdevents", door(d, "hooks/cdevents", ParseCDEvent))
	return d.Admit(kind, open, mux)
}

type parser func(header http.Header, body []byte, now time.Time, ahead time.Duration) (fact.Change, *signal.Refusal)

func door(d *signal.Doors, source string, parse parser) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		now := d.Clock()
		var c fact.Change
		var t signal.Tally
		t.Receive(1)
		ref := d.Guard(source, func() (ref *signal.Refusal) {
			c, ref = take(d, w, r, source, parse, now)
			return ref
		})
		t.Settle(ref)
		d.Record(r.Context(), source, kind, now, &t)
		if ref != nil {
			d.Sources.Answered(kind, ref.Reason.String(), d.Clock().Sub(now))
			signal.WriteRefusal(w, ref)
			return
		}
		d.Sources.Answered(kind, "ok", d.Clock().Sub(now))
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(c); err != nil {
			d.Logger.Debug("answer to a change", "err", err)
		}
	})
}

func take(d *signal.Doors, w http.ResponseWriter, r *http.Request, source string, parse parser, now time.Time) (fact.Change, *signal.Refusal) {
	if typ, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || typ != "application/json" && !strings.HasSuffix(typ, "+json") {
		return fact.Change{}, signal.Refuse(signal.Unsupported, "header Content-Type", "the body is not declared to be JSON", "send Content-Type: application/json")
	}
	lim := d.Limits.WithDefaults()
	body, free, ref := d.Read(w, r, signal.Body{Most: lim.ChangeBytes, Limit: "change_bytes", Encodings: []string{""}})
	if ref != nil {
		return fact.Change{}, ref
	}
	defer free()
	c, ref := parse(r.Header, body, now, lim.Ahead)
	if ref != nil {
		return c, ref
	}
	return c, d.Deliver(r.Context(), &fact.Batch{Source: source, Received: now.UnixMilli(), Changes: []fact.Change{c}})
}
