package hook

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// parseCloudEvent reads the body of POST /hooks/cloudevents. CDEvents that tell
// of a change of a service are changes; all others are kept as notices, with
// their attributes as labels and without their data.
func parseCloudEvent(header http.Header, body []byte, g given) (papers, *signal.Refusal) {
	attrs, ref := attributes(header, body)
	if ref != nil {
		return papers{}, ref
	}
	if _, ref := changeKind(attrs["type"]); ref == nil {
		return one(ParseCDEvent(header, body, g.now, g.ahead))
	}
	for _, name := range []string{"id", "source", "type", "specversion"} {
		if attrs[name] == "" {
			return papers{}, signal.Refuse(signal.Malformed, "attribute "+name, "is missing", "send a CloudEvent with id, source, specversion and type")
		}
	}
	at := g.now
	if t := attrs["time"]; t != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, t); err != nil {
			return papers{}, signal.Refuse(signal.BadTime, "attribute time", "not a time: "+oneLine(err.Error(), 200), "send the time as RFC 3339")
		}
	}
	n := fact.Notice{ID: fact.ID("event", attrs["source"], attrs["id"]), Kind: fact.EventNotice, At: at, Title: attrs["type"], Text: attrs["subject"], Link: attrs["source"], Labels: attrs}
	return papers{notices: []fact.Notice{n}}, nil
}

// attributes returns the context attributes of an event that are text.
func attributes(header http.Header, body []byte) (map[string]string, *signal.Refusal) {
	out := make(map[string]string)
	for name, values := range header {
		if rest, ok := strings.CutPrefix(strings.ToLower(name), "ce-"); ok && len(values) > 0 {
			out[rest] = values[0]
		}
	}
	if out["type"] != "" {
		return out, nil // binary mode
	}
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, badBody("a CloudEvent", err)
	}
	clear(out)
	for name, raw := range in {
		var text string
		if name != "data" && name != "data_base64" && json.Unmarshal(raw, &text) == nil {
			out[name] = text
		}
	}
	return out, nil
}
