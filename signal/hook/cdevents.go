package hook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// cloudEvent is the envelope of structured mode.
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	Type        string          `json:"type"`
	Source      string          `json:"source"`
	ID          string          `json:"id"`
	Time        string          `json:"time"`
	Data        json.RawMessage `json:"data"`
}

// cdEvent is the part of a CDEvent that tells of a service.
type cdEvent struct {
	Context struct {
		ID        string `json:"id"`
		Source    string `json:"source"`
		Type      string `json:"type"`
		Timestamp string `json:"timestamp"`
	} `json:"context"`
	Subject struct {
		ID      string `json:"id"`
		Content struct {
			ArtifactID  string `json:"artifactId"`
			Environment struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			} `json:"environment"`
		} `json:"content"`
	} `json:"subject"`
}

// ParseCDEvent reads the body of POST /hooks/cdevents. header tells the mode:
// binary if it has ce-type, structured otherwise.
func ParseCDEvent(header http.Header, body []byte, now time.Time, ahead time.Duration) (fact.Change, *signal.Refusal) {
	ce := cloudEvent{
		SpecVersion: header.Get("ce-specversion"), Type: header.Get("ce-type"),
		Source: header.Get("ce-source"), Time: header.Get("ce-time"), Data: body,
	}
	if ce.Type == "" {
		ce.Data = nil
		if err := json.Unmarshal(body, &ce); err != nil {
			return fact.Change{}, signal.Refuse(signal.Malformed, "body", "not the JSON of a CloudEvent: "+signal.Cut(err.Error(), 200), "send a CloudEvent, structured or with ce-… headers")
		}
	}
	if ce.SpecVersion == "" || len(ce.Data) == 0 {
		return fact.Change{}, signal.Refuse(signal.Malformed, "body", "not a CloudEvent: no specversion or no data", "send a CloudEvent, structured or with ce-… headers")
	}
	var ev cdEvent
	if err := json.Unmarshal(ce.Data, &ev); err != nil {
		return fact.Change{}, signal.Refuse(signal.Malformed, "data", "not the JSON of a CDEvent: "+signal.Cut(err.Error(), 200), "send context and subject, as CDEvents say")
	}
	kind, ref := changeKind(firstOf(ev.Context.Type, ce.Type))
	if ref != nil {
		return fact.Change{}, ref
	}
	at, err := time.Parse(time.RFC3339, firstOf(ev.Context.Timestamp, ce.Time))
	if err != nil {
		return fact.Change{}, signal.Refuse(signal.BadTime, "context.timestamp", "not a time: "+signal.Cut(err.Error(), 200), "send the time as RFC 3339")
	}
	c := fact.Change{
		At: at, Kind: kind, Entity: entity.Named("", subjectName(ev.Subject.ID)), Version: artifactVersion(ev.Subject.Content.ArtifactID),
		By: firstOf(ev.Context.Source, ce.Source), Source: "hooks/cdevents",
	}
	if env := firstOf(ev.Subject.Content.Environment.Name, ev.Subject.Content.Environment.ID); env != "" {
		c.Note = "in " + env
	}
	if checkLink(c.By) == nil {
		c.Link = c.By
	}
	return finish(c, now, ahead)
}

// changeKind reads dev.cdevents.service.<what>.<version>.
func changeKind(typ string) (fact.ChangeKind, *signal.Refusal) {
	if rest, ok := strings.CutPrefix(typ, "dev.cdevents.service."); ok {
		what, version, _ := strings.Cut(rest, ".")
		switch {
		case version == "":
		case what == "deployed", what == "upgraded":
			return fact.Deployed, nil
		case what == "rolledback":
			return fact.RolledBack, nil
		}
	}
	return "", signal.Refuse(signal.Unsupported, "context.type", fmt.Sprintf("event type %q is not taken", signal.Cut(typ, 100)), "send dev.cdevents.service.deployed, .upgraded or .rolledback with a version")
}

// subjectName returns the service of a subject's id, which CDEvents write as
// service/myapp, daemonset/myapp, /namespace/myapp or myapp.
func subjectName(id string) string {
	id = strings.Trim(id, "/")
	kind, rest, ok := strings.Cut(id, "/")
	if !ok {
		return id
	}
	switch strings.ToLower(kind) {
	case "service", "services", "deployment", "deployments", "statefulset", "statefulsets", "daemonset", "daemonsets", "app":
		return rest
	}
	return id
}

// artifactVersion returns the version in a package URL,
// pkg:oci/checkout@sha256:…?tag=v2 or pkg:docker/shop/checkout@v2. A tag says
// more to people than a digest. What is no package URL is a version itself.
func artifactVersion(id string) string {
	rest, ok := strings.CutPrefix(id, "pkg:")
	if !ok {
		return id
	}
	rest, _, _ = strings.Cut(rest, "#")
	path, query, _ := strings.Cut(rest, "?")
	if q, err := url.ParseQuery(query); err == nil && q.Get("tag") != "" {
		return q.Get("tag")
	}
	i := strings.LastIndexByte(path, '@')
	if i < 0 {
		return ""
	}
	if v, err := url.PathUnescape(path[i+1:]); err == nil {
		return v
	}
	return path[i+1:]
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
