package promql

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/steersman-ops/steersman/signal"
)

// errTooLarge is wrapped by what is returned for an answer that is larger than
// it may be, or that they would not give for its size.
var errTooLarge = errors.New("the answer is too large")

// A refused is an answer of theirs that is an error.
type refused struct {
	status int
	text   string
	after  time.Duration // when they ask to be asked again; 0: they do not say
}

func (r *refused) Error() string {
	return strings.TrimSpace(fmt.Sprintf("it answers %d %s: %s", r.status, http.StatusText(r.status), r.text))
}

// A client asks one API. It sends nothing but GET.
type client struct {
	base    *url.URL
	http    *http.Client
	header  http.Header
	user    *url.Userinfo
	timeout time.Duration
}

func newClient(opt *Options) (*client, error) {
	u, err := url.Parse(opt.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("read %q: not an http or https address", opt.URL)
	}
	c := &client{base: u, http: &http.Client{}, header: http.Header{"User-Agent": {"steersman"}}, timeout: opt.Timeout}
	if opt.Token != "" {
		c.header.Set("Authorization", "Bearer "+opt.Token)
	}
	if opt.User != "" {
		c.user = url.UserPassword(opt.User, opt.Password)
	}
	if opt.Tenant != "" {
		c.header.Set("X-Scope-OrgID", opt.Tenant)
	}
	return c, nil
}

// address is the URL of a question.
func (c *client) address(path string, q url.Values) string {
	u := c.base.JoinPath(path)
	u.RawQuery = q.Encode()
	return u.String()
}

// get asks, and lets data read the answer as it comes, most bytes of it. It
// returns how many came.
func (c *client) get(ctx context.Context, path string, q url.Values, most int64, data func(*json.Decoder) error) (a answer, n int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.address(path, q), nil)
	if err != nil {
		return a, 0, err
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	if c.user != nil {
		password, _ := c.user.Password()
		req.SetBasicAuth(c.user.Username(), password)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return a, 0, withoutAddress(err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	body := &bounded{r: res.Body, left: most}
	if res.StatusCode != http.StatusOK {
		return a, body.n, refusal(res, body)
	}
	a, err = decode(body, data)
	switch {
	case errors.Is(err, errTooLarge):
		err = fmt.Errorf("%w: more than %d bytes", errTooLarge, most)
	case err != nil:
	case a.Status == "error":
		err = &refused{status: res.StatusCode, text: signal.Cut(a.ErrorType+": "+a.Error, 300)}
	}
	return a, body.n, err
}

// withoutAddress leaves the address out, which holds the whole question.
func withoutAddress(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refusal reads what an answer with a status that is an error says.
func refusal(res *http.Response, body io.Reader) error {
	text, _ := io.ReadAll(io.LimitReader(body, 16<<10)) // what there is of it is enough
	r := &refused{status: res.StatusCode, text: strings.ToValidUTF8(strings.TrimSpace(string(text)), "?")}
	var a answer
	if json.Unmarshal(text, &a) == nil && a.Error != "" {
		r.text = strings.TrimPrefix(a.ErrorType+": "+a.Error, ": ")
	}
	if strings.HasPrefix(r.text, "<") {
		r.text = "a page for browsers"
	}
	r.text = signal.Cut(r.text, 300)
	if s, err := strconv.Atoi(res.Header.Get("Retry-After")); err == nil && s > 0 {
		r.after = min(time.Duration(s)*time.Second, longestWait)
	}
	if res.StatusCode == http.StatusUnprocessableEntity || res.StatusCode == http.StatusRequestEntityTooLarge {
		return fmt.Errorf("%w: %w", errTooLarge, r)
	}
	return r
}

// bounded reads no more than it may.
type bounded struct {
	r       io.Reader
	n, left int64
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(int64(len(p)), b.left)])
	b.n += int64(n)
	b.left -= int64(n)
	return n, err
}

// outcomeOf names what came of a question that failed.
func outcomeOf(err error) string {
	var theirs *refused
	switch {
	case errors.Is(err, errTooLarge):
		return "too_large"
	case errors.Is(err, errNotAnswer):
		return "malformed"
	case errors.As(err, &theirs):
		return strconv.Itoa(theirs.status)
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "unreachable"
}
