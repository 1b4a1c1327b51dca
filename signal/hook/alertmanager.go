package hook

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// alertGroup is version 4 of what Alertmanager posts.
type alertGroup struct {
	Version  string     `json:"version"`
	Receiver string     `json:"receiver"`
	Alerts   few[alert] `json:"alerts"`
}

type alert struct {
	Status       string            `json:"status"`
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL"`
	Fingerprint  string            `json:"fingerprint"`
}

// parseAlertmanager reads the body of POST /hooks/alertmanager. An alert that
// fires and the same alert resolved are one notice: it is named by its
// fingerprint and by when it began.
func parseAlertmanager(_ http.Header, body []byte, g given) (out papers, ref *signal.Refusal) {
	var in alertGroup
	if err := json.Unmarshal(body, &in); err != nil {
		return out, badBody("an Alertmanager notification", err)
	}
	if in.Version != "4" {
		return out, signal.Refuse(signal.Unsupported, "field version", "only version 4 of Alertmanager's webhook is taken", "use Alertmanager 0.6 or newer")
	}
	for _, a := range in.Alerts {
		n := fact.Notice{
			Kind: fact.AlertNotice, State: a.Status, At: or(a.StartsAt, g.now), Title: firstOf(a.Labels["alertname"], "alert"),
			Text: firstOf(a.Annotations["summary"], a.Annotations["description"], a.Annotations["message"]), Link: a.GeneratorURL, Labels: a.Labels,
			Entity: alertEntity(a.Labels),
		}
		if a.Status == "resolved" {
			n.Until = a.EndsAt
		}
		n.ID = firstOf(a.Fingerprint, fingerprint(a.Labels)) + n.At.UTC().Format(time.RFC3339Nano)
		out.notices = append(out.notices, n)
	}
	if len(out.notices) == 0 {
		return out, ignored("there is no alert in it")
	}
	return out, nil
}

// alertEntity is the service that an alert's labels name, by the rules for
// series.
func alertEntity(labels map[string]string) fact.Entity {
	list := make([]fact.Label, 0, len(labels))
	for k, v := range labels {
		list = append(list, fact.Label{Name: k, Value: v})
	}
	l, err := fact.NewLabels(list)
	if err != nil {
		return fact.Entity{}
	}
	if e := entity.FromLabels(l).Entity; !e.IsZero() {
		return e
	}
	if labels["service"] == "" {
		return fact.Entity{}
	}
	return entity.Named(labels["namespace"], labels["service"])
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }

// fingerprint tells alerts apart that come without one.
func fingerprint(labels map[string]string) string {
	var parts []string
	for _, k := range sortedKeys(labels) {
		parts = append(parts, k, labels[k])
	}
	return fact.ID("labels", parts...)
}

func badBody(what string, err error) *signal.Refusal {
	if errors.Is(err, errMany) {
		return signal.Refuse(signal.TooMany, "body", fmt.Sprintf("a list in it has more than %d elements", noticesMost), "send smaller groups")
	}
	return signal.Refuse(signal.Malformed, "body", "not the JSON of "+what+": "+oneLine(err.Error(), 200), "send it as its sender writes it")
}
