package keyring

import (
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
)

// Place is where a Steersman takes data, as its senders reach it. Empty
// addresses are off.
type Place struct {
	Base     string // of the main port: "http://127.0.0.1:8420"
	OTLPHTTP string // host:port
	OTLPGRPC string // host:port
}

// A Snippet connects a sender.
type Snippet struct {
	Kind   string
	Where  string // what to do with it, in one line
	Syntax string // "sh", "yaml" or "text"
	Text   string // to be pasted
}

// Hidden stands for a token in a snippet where it is not known.
const Hidden = "TOKEN"

// Kinds returns the kinds of sender that a snippet can be made for, the most
// usual first.
func Kinds() []string {
	return []string{"otel", "collector", "prometheus", "journal", "alertmanager", "github", "gitlab", "cloudevents", "change"}
}

// Connect returns the snippet that connects a sender of that kind as the source
// of that name, which is empty for one that needs no token.
func Connect(kind, name, token string, at Place) (Snippet, error) {
	if at.Base = strings.TrimRight(at.Base, "/"); token == "" {
		token = Hidden
	}
	s := Snippet{Kind: kind, Syntax: "yaml"}
	switch kind {
	case "otel":
		s.Syntax, s.Where, s.Text = "sh", "In the environment of the service.", otelText(name, token, at)
	case "collector":
		s.Where, s.Text = "In the Collector's configuration; then name the exporter in its pipelines.", collectorText(name, token, at)
	case "prometheus":
		s.Where, s.Text = "In prometheus.yml; then reload.", prometheusText(name, token, at)
	case "journal":
		s.Syntax, s.Where, s.Text = "text", "In /etc/systemd/journal-upload.conf (package systemd-journal-remote); then systemctl enable --now systemd-journal-upload.", "[Upload]\nURL="+withPassword(at.Base, name, token)+"/journal\n"
	case "alertmanager":
		s.Where, s.Text = "In alertmanager.yml; then reload.", alertmanagerText(name, token, at)
	case "github":
		s.Syntax, s.Where, s.Text = "text", "On GitHub: the repository or organisation, Settings, Webhooks, Add webhook.", fmt.Sprintf("Payload URL   %s/hooks/github/%s\nContent type  application/json\nSecret        %s\nEvents        Pushes, Deployments, Deployment statuses, Workflow runs\n", at.Base, orName(name), token)
	case "gitlab":
		s.Syntax, s.Where, s.Text = "text", "On GitLab: the project or group, Settings, Webhooks.", fmt.Sprintf("URL           %s/hooks/gitlab\nSecret token  %s\nTrigger       Push events, Deployment events, Pipeline events\n", at.Base, token)
	case "cloudevents":
		s.Syntax, s.Where = "sh", "In a shell, or as your event broker does it."
		s.Text = fmt.Sprintf("curl -fsS %s/hooks/cloudevents \\\n%s  -H 'Content-Type: application/cloudevents+json' \\\n  -d '{\"specversion\": \"1.0\", \"id\": \"1\", \"source\": \"/ci\", \"type\": \"com.example.released\", \"subject\": \"checkout\"}'\n", at.Base, curlToken(name, token))
	case "change", "":
		s.Kind, s.Syntax, s.Where = "change", "sh", "In a pipeline, after a deployment."
		s.Text = fmt.Sprintf("curl -fsS %s/hooks/change \\\n%s  -H 'Content-Type: application/json' \\\n  -d '{\"service\": \"checkout\", \"version\": \"v2\"}'\n", at.Base, curlToken(name, token))
	default:
		return s, &fact.Problem{What: fmt.Sprintf("kind %q is not known", signal.Cut(kind, 40)), Do: "use one of " + strings.Join(Kinds(), ", ")}
	}
	return s, nil
}

func orName(name string) string {
	if name == "" {
		return "NAME"
	}
	return name
}

func curlToken(name, token string) string {
	if name == "" {
		return ""
	}
	return "  -H 'Authorization: Bearer " + token + "' \\\n"
}

// withPassword puts a token into an address, for senders that know no headers.
func withPassword(base, name, token string) string {
	if name == "" {
		return base
	}
	return strings.Replace(base, "://", "://"+name+":"+token+"@", 1)
}

func otelText(name, token string, at Place) string {
	var b strings.Builder
	b.WriteString("export OTEL_SERVICE_NAME=checkout        # the service's own name\n")
	switch {
	case at.OTLPHTTP != "":
		fmt.Fprintf(&b, "export OTEL_EXPORTER_OTLP_ENDPOINT=http://%s\nexport OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf\n", at.OTLPHTTP)
	case at.OTLPGRPC != "":
		fmt.Fprintf(&b, "export OTEL_EXPORTER_OTLP_ENDPOINT=http://%s\nexport OTEL_EXPORTER_OTLP_PROTOCOL=grpc\n", at.OTLPGRPC)
	default:
		b.WriteString("# OTLP is off: set otlp_http or otlp_grpc in Steersman's configuration\n")
	}
	if name != "" {
		fmt.Fprintf(&b, "export OTEL_EXPORTER_OTLP_HEADERS=Authorization=Bearer%%20%s\n", url.PathEscape(token))
	}
	b.WriteString("export OTEL_BSP_SCHEDULE_DELAY=1000\nexport OTEL_METRIC_EXPORT_INTERVAL=10000\n")
	return b.String()
}

func collectorText(name, token string, at Place) string {
	kind, endpoint, tls := "otlp", at.OTLPGRPC, "    tls:\n      insecure: true\n"
	if endpoint == "" {
		kind, endpoint, tls = "otlphttp", "http://"+at.OTLPHTTP, ""
	}
	text := fmt.Sprintf("exporters:\n  %s/steersman:\n    endpoint: %s\n    compression: gzip\n%s", kind, endpoint, tls)
	if name != "" {
		text += "    headers:\n      Authorization: Bearer " + token + "\n"
	}
	return text
}

func prometheusText(name, token string, at Place) string {
	text := fmt.Sprintf("remote_write:\n  - url: %s/api/v1/write\n", at.Base)
	if name != "" {
		text += "    authorization:\n      credentials: " + token + "\n"
	}
	return text + "    queue_config:\n      batch_send_deadline: 1s\n      retry_on_http_429: true\n"
}

func alertmanagerText(name, token string, at Place) string {
	text := "route:\n  receiver: steersman\nreceivers:\n  - name: steersman\n    webhook_configs:\n      - url: " + at.Base + "/hooks/alertmanager\n        send_resolved: true\n"
	if name != "" {
		text += "        http_config:\n          authorization:\n            credentials: " + token + "\n"
	}
	return text
}

// Reach returns the addresses under which somebody reaches what listens on
// these, if they reached the main port as host.
func (p Place) Reach(host string) Place {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	at := func(address string) string {
		h, port, err := net.SplitHostPort(address)
		if ip := net.ParseIP(h); err != nil || ip == nil && h != "" || ip != nil && !ip.IsUnspecified() {
			return address
		}
		return net.JoinHostPort(name, port)
	}
	return Place{Base: "http://" + host, OTLPHTTP: at(p.OTLPHTTP), OTLPGRPC: at(p.OTLPGRPC)}
}
