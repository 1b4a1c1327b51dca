package hook

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/entity"
)

// gitLab is the part that is read of GitLab's events.
type gitLab struct {
	Kind    string `json:"object_kind"`
	Project struct {
		Name          string `json:"name"`
		Path          string `json:"path_with_namespace"`
		WebURL        string `json:"web_url"`
		DefaultBranch string `json:"default_branch"`
	} `json:"project"`
	User struct {
		Username string `json:"username"`
	} `json:"user"`

	// push, tag_push
	UserUsername string            `json:"user_username"`
	Ref          string            `json:"ref"`
	After        string            `json:"after"`
	Total        int               `json:"total_commits_count"`
	Commits      few[gitLabCommit] `json:"commits"`

	// deployment
	Status       string `json:"status"`
	ChangedAt    string `json:"status_changed_at"`
	DeploymentID int64  `json:"deployment_id"`
	Deployable   string `json:"deployable_url"`
	Environment  string `json:"environment"`
	ShortSHA     string `json:"short_sha"`
	CommitTitle  string `json:"commit_title"`

	// pipeline
	Attributes *struct {
		ID         int64  `json:"id"`
		Ref        string `json:"ref"`
		SHA        string `json:"sha"`
		Status     string `json:"status"`
		URL        string `json:"url"`
		CreatedAt  string `json:"created_at"`
		FinishedAt string `json:"finished_at"`
	} `json:"object_attributes"`
}

type gitLabCommit struct {
	Message string `json:"message"`
	URL     string `json:"url"`
}

// gitLabTime reads a time as GitLab has written it through the years.
func gitLabTime(s string) time.Time {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t
		}
	}
	return time.Time{}
}

// parseGitLab reads the body of POST /hooks/gitlab. Its sender has shown its
// token already.
func parseGitLab(_ http.Header, body []byte, g given) (papers, *signal.Refusal) {
	var in gitLab
	var what struct {
		Kind string `json:"object_kind"`
	}
	if err := json.Unmarshal(body, &what); err != nil {
		return papers{}, badBody("a GitLab event", err)
	}
	switch what.Kind {
	case "push", "tag_push", "deployment", "pipeline":
	default:
		return papers{}, ignored(fmt.Sprintf("GitLab's event %q is not looked at", oneLine(what.Kind, 60)))
	}
	if err := json.Unmarshal(body, &in); err != nil {
		return papers{}, badBody("a GitLab event", err)
	}
	if g.as.IsZero() {
		name := in.Project.Path[strings.LastIndexByte(in.Project.Path, '/')+1:]
		g.as = entity.Named("", oneLine(firstOf(name, in.Project.Name), 128))
	}
	switch {
	case in.Kind == "deployment" && in.Status == "success" && g.watches(in.Environment):
		return one(in.deployed(g))
	case in.Kind == "deployment":
		return in.notice(g, fact.PipelineNotice, fmt.Sprint("deployment ", in.DeploymentID), in.Status,
			fmt.Sprintf("Deployment of %s to %s: %s", in.Project.Path, firstOf(in.Environment, "an environment"), in.Status), in.CommitTitle, in.Deployable, gitLabTime(in.ChangedAt), in.ShortSHA), nil
	case in.Kind == "pipeline" && in.Attributes != nil:
		a := in.Attributes
		p := in.notice(g, fact.PipelineNotice, fmt.Sprint("pipeline ", a.ID), a.Status, fmt.Sprintf("Pipeline of %s on %s: %s", in.Project.Path, a.Ref, a.Status), "",
			firstOf(a.URL, fmt.Sprintf("%s/-/pipelines/%d", in.Project.WebURL, a.ID)), gitLabTime(a.CreatedAt), a.SHA)
		p.notices[0].Until = gitLabTime(a.FinishedAt)
		return p, nil
	case in.Kind == "push", in.Kind == "tag_push":
		text, link := "", in.Project.WebURL
		if n := len(in.Commits); n > 0 {
			text, link = in.Commits[n-1].Message, in.Commits[n-1].URL
		}
		branch := strings.TrimPrefix(strings.TrimPrefix(in.Ref, "refs/heads/"), "refs/tags/")
		return in.notice(g, fact.PushNotice, in.Ref+in.After, "", fmt.Sprintf("%s pushed to %s of %s", counted(in.Total, "commit"), branch, in.Project.Path), text, link, time.Time{}, in.After), nil
	}
	return papers{}, ignored("there is no " + in.Kind + " in it")
}

func (in *gitLab) notice(g given, kind fact.NoticeKind, id, state, title, text, link string, at time.Time, sha string) papers {
	return papers{notices: []fact.Notice{{
		ID: in.Project.Path + " " + id, Kind: kind, State: state, At: or(at, g.now), Entity: g.as, By: firstOf(in.User.Username, in.UserUsername), Link: link, Title: title, Text: text,
		Labels: map[string]string{"sha": sha},
	}}}
}

// deployed is the change that a deployment made. It is named by its tag, or by
// its commit if it was made from a branch.
func (in *gitLab) deployed(g given) (fact.Change, *signal.Refusal) {
	version := firstOf(in.Ref, in.ShortSHA)
	if in.Ref == in.Project.DefaultBranch || in.Ref == "main" || in.Ref == "master" {
		version = in.ShortSHA
	}
	c := fact.Change{
		At: or(gitLabTime(in.ChangedAt), g.now), Kind: fact.Deployed, Entity: g.as, Version: oneLine(version, 256), By: oneLine(in.User.Username, 256),
		Note: oneLine("in "+in.Environment+" "+in.CommitTitle, textBytes), Link: oneLine(in.Deployable, textBytes), Source: g.source,
	}
	if checkLink(c.Link) != nil {
		c.Link = ""
	}
	return finish(c, g.now, g.ahead)
}
