package director

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// What the director reads of Steersman's papers. Entities are text:
// "service:shop/payment".

type incident struct {
	ID        string    `json:"id"`
	State     string    `json:"state"`
	Onset     time.Time `json:"onset"`
	Opened    time.Time `json:"opened"`
	Resolved  time.Time `json:"resolved,omitzero"`
	Title     string    `json:"title"`
	Summary   string    `json:"summary"`
	Causes    []cause   `json:"causes"`
	Abstained bool      `json:"abstained"`
	Proposals []string  `json:"proposals"`
}

// blamesNobody reports whether no service is held to be the cause: there was
// not enough evidence, or it is the machine.
func (i *incident) blamesNobody() bool {
	return i.Abstained || len(i.Causes) == 0 || i.Causes[0].Kind == "host"
}

type cause struct {
	Entity      string  `json:"entity"`
	Kind        string  `json:"kind"`
	Text        string  `json:"text"`
	Probability float64 `json:"probability"`
	Version     string  `json:"version"`
	Change      *change `json:"change"`
}

type change struct {
	Service   string `json:"service,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Entity    string `json:"entity,omitempty"`
	Version   string `json:"version,omitempty"`
	Before    string `json:"before,omitempty"`
	Kind      string `json:"kind,omitempty"`
	By        string `json:"by,omitempty"`
	Note      string `json:"note,omitempty"`
}

type decision struct {
	State    string   `json:"state"`
	Proposal proposal `json:"proposal"`
	Outcome  *struct {
		Helped bool   `json:"helped"`
		Text   string `json:"text"`
	} `json:"outcome"`
	Receipt *struct {
		Err  string `json:"err"`
		Text string `json:"text"`
	} `json:"receipt"`
	Steps []struct {
		State string `json:"state"`
		Why   string `json:"why"`
	} `json:"steps"`
}

type proposal struct {
	ID       string `json:"id"`
	Incident string `json:"incident"`
	Title    string `json:"title"`
	Why      string `json:"why"`
	Action   struct {
		Kind   string            `json:"kind"`
		Target string            `json:"target"`
		Entity string            `json:"entity"`
		Params map[string]string `json:"params"`
	} `json:"action"`
}

type serviceMap struct {
	Nodes []struct {
		Entity string `json:"entity"`
	} `json:"nodes"`
	Edges []struct {
		Client string `json:"client"`
		Server string `json:"server"`
	} `json:"edges"`
}

type now struct {
	Open     []incident `json:"open"`
	Recent   []incident `json:"recent"`
	Learning struct {
		Ready float64 `json:"ready"`
	} `json:"learning"`
	Stop stopState `json:"stop"`
}

type stopState struct {
	Engaged bool   `json:"engaged"`
	By      string `json:"by"`
	Why     string `json:"why"`
}

// problem is what Steersman answers when it does not do what was asked.
type problem struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

func (p *problem) Error() string {
	return fmt.Sprintf("status %d: %s: %s", p.Status, p.Title, p.Detail)
}

// client speaks to Steersman's API.
type client struct {
	base, token string
	http        *http.Client
}

func newClient(base, token string) *client {
	return &client{base: base, token: token, http: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
}

func (c *client) close() { c.http.CloseIdleConnections() }

// do sends in, if it is not nil, and reads the answer into out, if that is not.
func (c *client) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 32<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if resp.StatusCode >= 300 {
		p := &problem{}
		if json.Unmarshal(text, p) != nil {
			p.Detail = string(text)
		}
		p.Status = resp.StatusCode
		return fmt.Errorf("%s %s: %w", method, path, p)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: answer: %w", method, path, err)
	}
	return nil
}

// status returns the HTTP status with which Steersman refused, 0 if err is
// something else.
func status(err error) int {
	var p *problem
	if errors.As(err, &p) {
		return p.Status
	}
	return 0
}

const api = "/steersman/v1"

func (c *client) now(ctx context.Context) (out now, err error) {
	err = c.do(ctx, http.MethodGet, api+"/now", nil, &out)
	return out, err
}

func (c *client) serviceMap(ctx context.Context) (out serviceMap, err error) {
	err = c.do(ctx, http.MethodGet, api+"/map", nil, &out)
	return out, err
}

// incidents returns those in the given state, or all if it is empty.
func (c *client) incidents(ctx context.Context, state string) ([]incident, error) {
	var out struct {
		Incidents []incident `json:"incidents"`
	}
	path := api + "/incidents?limit=50"
	if state != "" {
		path += "&state=" + state
	}
	err := c.do(ctx, http.MethodGet, path, nil, &out)
	return out.Incidents, err
}

func (c *client) decisions(ctx context.Context, incident string) ([]decision, error) {
	var out struct {
		Decisions []decision `json:"decisions"`
	}
	err := c.do(ctx, http.MethodGet, api+"/decisions?limit=50&incident="+url.QueryEscape(incident), nil, &out)
	return out.Decisions, err
}

func (c *client) decision(ctx context.Context, id string) (out decision, err error) {
	err = c.do(ctx, http.MethodGet, api+"/decisions/"+url.PathEscape(id), nil, &out)
	return out, err
}

func (c *client) approve(ctx context.Context, id, why string) (out decision, err error) {
	err = c.do(ctx, http.MethodPost, api+"/decisions/"+url.PathEscape(id)+"/approve", map[string]string{"why": why}, &out)
	return out, err
}

// stop engages the kill switch.
func (c *client) stop(ctx context.Context, why string) (out stopState, err error) {
	err = c.do(ctx, http.MethodPost, api+"/stop", map[string]string{"why": why}, &out)
	return out, err
}

func (c *client) resume(ctx context.Context, why string) (out stopState, err error) {
	err = c.do(ctx, http.MethodPost, api+"/resume", map[string]string{"why": why}, &out)
	return out, err
}

func (c *client) announce(ctx context.Context, ch change) error {
	return c.do(ctx, http.MethodPost, "/hooks/change", ch, nil)
}
