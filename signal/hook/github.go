package hook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// signed lets in what is signed with the secret of the source that the address
// names. The body is read for it, under the share of the peer, because nobody
// knows yet whether it is the source's.
func signed(d *signal.Doors, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, leave, ref := d.Enter(r.Context(), signal.Caller{Door: kind, Peer: signal.Peer(r), Open: true})
		defer leave()
		var body []byte
		if ref == nil {
			var free func()
			if body, free, ref = d.Read(w, r.WithContext(ctx), signal.Body{Encodings: []string{""}}); ref == nil {
				defer free()
			}
		}
		if ref == nil {
			src, _ := d.Keys.Lookup(r.PathValue("source"))
			if !validSignature(src.Secret, body, r.Header.Get("X-Hub-Signature-256")) {
				ref = signal.Refuse(signal.Denied, "header X-Hub-Signature-256", "the body is not signed with the secret of a GitHub source of that name", "make one with `steersman source add NAME --kind github`, and give its token to GitHub as the secret")
			} else if ctx, leave, ref = d.Enter(r.Context(), signal.Caller{Door: kind, Peer: signal.Peer(r), Proof: &src}); ref != nil {
				signal.WriteRefusal(w, ref) // and it is accounted for
				return
			} else {
				defer leave()
				d.Spend(ctx, len(body))
			}
		}
		if ref != nil {
			d.Turn(ctx, "hooks/github", kind, ref)
			signal.WriteRefusal(w, ref)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, bodyKey{}, body)))
	})
}

// validSignature checks "sha256=" and the HMAC of the body in hex.
func validSignature(secret, body []byte, header string) bool {
	given, ok := strings.CutPrefix(header, "sha256=")
	sum, err := hex.DecodeString(given)
	if !ok || err != nil || len(secret) == 0 {
		return false
	}
	mac := hmac.New(sha256.New, secret)
	mac.Write(body)
	return hmac.Equal(mac.Sum(nil), sum)
}

// gitHub is the part that is read of GitHub's events.
type gitHub struct {
	Action     string `json:"action"`
	Repository struct {
		Name          string `json:"name"`
		FullName      string `json:"full_name"`
		DefaultBranch string `json:"default_branch"`
	} `json:"repository"`
	Sender struct {
		Login string `json:"login"`
	} `json:"sender"`

	// push
	Ref        string `json:"ref"`
	After      string `json:"after"`
	Deleted    bool   `json:"deleted"`
	Compare    string `json:"compare"`
	HeadCommit struct {
		Message   string    `json:"message"`
		Timestamp time.Time `json:"timestamp"`
	} `json:"head_commit"`
	Commits []struct{} `json:"commits"`

	Deployment *struct {
		ID          int64           `json:"id"`
		Ref         string          `json:"ref"`
		SHA         string          `json:"sha"`
		Environment string          `json:"environment"`
		Transient   bool            `json:"transient_environment"` // made for this deployment alone
		Description string          `json:"description"`
		CreatedAt   time.Time       `json:"created_at"`
		Payload     json.RawMessage `json:"payload"`
	} `json:"deployment"`
	DeploymentStatus *struct {
		State          string    `json:"state"`
		Description    string    `json:"description"`
		EnvironmentURL string    `json:"environment_url"`
		LogURL         string    `json:"log_url"`
		TargetURL      string    `json:"target_url"`
		CreatedAt      time.Time `json:"created_at"`
	} `json:"deployment_status"`
	WorkflowRun *struct {
		ID         int64     `json:"id"`
		Name       string    `json:"name"`
		HeadBranch string    `json:"head_branch"`
		HeadSHA    string    `json:"head_sha"`
		Conclusion string    `json:"conclusion"`
		HTMLURL    string    `json:"html_url"`
		StartedAt  time.Time `json:"run_started_at"`
		UpdatedAt  time.Time `json:"updated_at"`
	} `json:"workflow_run"`
}

// parseGitHub reads the body of POST /hooks/github/NAME.
func parseGitHub(h http.Header, body []byte, g given) (papers, *signal.Refusal) {
	event := h.Get("X-GitHub-Event")
	switch event {
	case "push", "deployment", "deployment_status", "workflow_run":
	default:
		return papers{}, ignored(fmt.Sprintf("GitHub's event %q is not looked at", oneLine(event, 60)))
	}
	var in gitHub
	if err := json.Unmarshal(body, &in); err != nil {
		return papers{}, badBody("a GitHub event", err)
	}
	if g.as.IsZero() {
		g.as = entity.Named("", oneLine(in.Repository.Name, 128))
	}
	switch {
	case event == "push" && !in.Deleted:
		return in.push(g)
	case event == "deployment" && in.Deployment != nil:
		return in.deployment(g, "created", "", in.Deployment.CreatedAt), nil
	case event == "deployment_status" && in.Deployment != nil && in.DeploymentStatus != nil:
		st := in.DeploymentStatus
		link := firstOf(st.LogURL, st.TargetURL, st.EnvironmentURL)
		if st.State == "success" && !in.Deployment.Transient && g.watches(in.Deployment.Environment) {
			return one(in.deployed(g, link))
		}
		return in.deployment(g, st.State, link, st.CreatedAt), nil
	case event == "workflow_run" && in.WorkflowRun != nil && in.Action == "completed":
		return in.workflow(g), nil
	}
	return papers{}, ignored(fmt.Sprintf("a %s %s is not looked at", event, oneLine(in.Action, 40)))
}

func (in *gitHub) push(g given) (papers, *signal.Refusal) {
	branch := strings.TrimPrefix(strings.TrimPrefix(in.Ref, "refs/heads/"), "refs/tags/")
	return papers{notices: []fact.Notice{{
		ID: in.Repository.FullName + in.Ref + in.After, Kind: fact.PushNotice, At: g.now, Entity: g.as, By: in.Sender.Login, Link: in.Compare,
		Title:  fmt.Sprintf("%s pushed to %s of %s", counted(len(in.Commits), "commit"), branch, in.Repository.FullName),
		Text:   in.HeadCommit.Message,
		Labels: map[string]string{"ref": in.Ref, "sha": in.After},
	}}}, nil
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// deployed is the change that a deployment made.
func (in *gitHub) deployed(g given, link string) (fact.Change, *signal.Refusal) {
	d := in.Deployment
	c := fact.Change{
		At: or(in.DeploymentStatus.CreatedAt, g.now), Kind: fact.Deployed, Entity: g.as, Version: oneLine(in.version(), 256),
		By: oneLine(in.Sender.Login, 256), Note: oneLine("in "+d.Environment+" "+d.Description, textBytes), Link: oneLine(link, textBytes), Source: g.source,
	}
	if checkLink(c.Link) != nil {
		c.Link = ""
	}
	return finish(c, g.now, g.ahead)
}

// version is what a deployment says runs afterwards: the version of its payload,
// its tag, or its commit if it was made from a branch.
func (in *gitHub) version() string {
	d := in.Deployment
	var p struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(d.Payload, &p) == nil && p.Version != "" {
		return p.Version
	}
	if d.Ref != "" && d.Ref != in.Repository.DefaultBranch && !strings.HasPrefix(d.SHA, d.Ref) {
		return strings.TrimPrefix(d.Ref, "refs/tags/")
	}
	return signal.Cut(d.SHA, 12)
}

func (in *gitHub) deployment(g given, state, link string, at time.Time) papers {
	d := in.Deployment
	return papers{notices: []fact.Notice{{
		ID: fmt.Sprint(in.Repository.FullName, " deployment ", d.ID), Kind: fact.PipelineNotice, State: state, At: or(at, g.now), Entity: g.as, By: in.Sender.Login, Link: link,
		Title: fmt.Sprintf("Deployment of %s to %s: %s", in.Repository.FullName, firstOf(d.Environment, "an environment"), state), Text: d.Description,
		Labels: map[string]string{"ref": d.Ref, "sha": d.SHA, "environment": d.Environment},
	}}}
}

func (in *gitHub) workflow(g given) papers {
	w := in.WorkflowRun
	return papers{notices: []fact.Notice{{
		ID: fmt.Sprint(in.Repository.FullName, " run ", w.ID), Kind: fact.PipelineNotice, State: w.Conclusion, At: or(w.StartedAt, g.now), Until: w.UpdatedAt, Entity: g.as, By: in.Sender.Login, Link: w.HTMLURL,
		Title:  fmt.Sprintf("Workflow %s of %s: %s", firstOf(w.Name, "run"), in.Repository.FullName, firstOf(w.Conclusion, "completed")),
		Labels: map[string]string{"branch": w.HeadBranch, "sha": w.HeadSHA},
	}}}
}
