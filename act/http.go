package act

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// maxAnswer is the largest answer that is read from the other side.
const maxAnswer = 1 << 20

// A Client speaks JSON over HTTP to one configured address and to nothing
// else: it follows no redirect and uses no proxy.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient checks the address and returns a Client. It sends the token, if
// there is one, as Authorization: Bearer.
func NewClient(address, token string) (*Client, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, fmt.Errorf("address %q: %w", address, err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("address %q: want http:// or https://", address)
	case u.User != nil:
		return nil, fmt.Errorf("address %q: want no user in it, but a token beside it", u.Redacted())
	case u.Host == "" || u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("address %q: want a host and a path, no query or fragment", address)
	}
	return &Client{
		base:  strings.TrimSuffix(address, "/"),
		token: token,
		http: &http.Client{
			Transport: &http.Transport{
				DialContext:            (&net.Dialer{Timeout: 3 * time.Second}).DialContext,
				TLSHandshakeTimeout:    3 * time.Second,
				MaxIdleConnsPerHost:    2,
				IdleConnTimeout:        30 * time.Second,
				DisableCompression:     true,
				MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

// Close closes connections that wait for reuse.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// A StatusError is an answer that is no success.
type StatusError struct {
	Method, URL string
	Code        int
	Text        string // the beginning of the answer
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("%s %s: status %d: %s", e.Method, e.URL, e.Code, e.Text)
}

// Get reads path below the address into out.
func (c *Client) Get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, out)
}

// Change sends in to path below the address and reads the answer into out. An
// error after which the other side may have done what was asked wraps
// [ErrUnclear]; after any other it has not.
func (c *Client) Change(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s %s%s: %w", method, c.base, path, err)
	}
	if err := c.do(ctx, method, path, body, out); err != nil {
		if unclear(err) {
			return fmt.Errorf("%w: %w", ErrUnclear, err)
		}
		return err
	}
	return nil
}

// unclear reports whether the other side may have acted before err. It surely
// has not if there was no connection or if it refused.
func unclear(err error) bool {
	var status *StatusError
	if errors.As(err, &status) {
		return status.Code >= 500 || status.Code < 400
	}
	var op *net.OpError
	return !errors.As(err, &op) || op.Op != "dial"
}

func (c *Client) do(ctx context.Context, method, path string, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "steersman")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // what counts was read
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return fmt.Errorf("%s %s: read the answer: %w", method, req.URL, err)
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return &StatusError{method, req.URL.String(), resp.StatusCode, beginning(data)}
	case len(data) > maxAnswer:
		return fmt.Errorf("%s %s: the answer is longer than %d bytes", method, req.URL, maxAnswer)
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(data, out); err != nil {
		return fmt.Errorf("%s %s: read the answer %q: %w", method, req.URL, beginning(data), err)
	}
	return nil
}

// beginning returns the start of an answer as one printable line.
func beginning(data []byte) string {
	s := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(string(data[:min(len(data), 200)]), "?"))
	return strings.TrimSpace(s)
}
