package wire

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
)

type buffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func settings(t testing.TB) config.Config {
	c := config.Default()
	c.DataDir, c.Listen, c.OTLPGRPC, c.OTLPHTTP = t.TempDir(), "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	return c
}

// launch starts a worker and returns its greeting and how to end it.
func launch(t testing.TB, c config.Config) (greeting string, end func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out buffer
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, c, Options{Version: "test", Out: &out, Greet: true, Logger: slog.New(slog.DiscardHandler)})
	}()
	for i := 0; !strings.Contains(out.String(), "  Data "); i++ {
		if i > 2000 {
			t.Fatalf("no greeting after 20 s: %q", out.String())
		}
		select {
		case err := <-done:
			t.Fatalf("ended at once: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	return out.String(), func() error {
		cancel()
		return <-done
	}
}

// A worker that was stopped leaves no goroutine, and may be started again in
// the same folder.
func TestStopLeavesNothing(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	c := settings(t)
	for range 2 {
		_, end := launch(t, c)
		if err := end(); err != nil {
			t.Fatalf("end: %v", err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// The printed link signs a browser in, once; the page cannot be framed or
// reached under a stranger's name.
func TestFirstVisit(t *testing.T) {
	greeting, end := launch(t, settings(t))
	defer func() {
		if err := end(); err != nil {
			t.Errorf("end: %v", err)
		}
	}()
	link := regexp.MustCompile(`http://\S+`).FindString(greeting)
	base := link[:strings.Index(link, "/login")]
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	get := func(url, host string, cookies []*http.Cookie) *http.Response {
		req, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		if host != "" {
			req.Host = host
		}
		for _, k := range cookies {
			req.AddCookie(k)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		return resp
	}
	if r := get(base+"/steersman/v1/me", "", nil); r.StatusCode != 401 {
		t.Errorf("a stranger gets %d", r.StatusCode)
	}
	if r := get(base+"/steersman/v1/me", "evil.example", nil); r.StatusCode == 401 || r.StatusCode == 200 {
		t.Errorf("another Host gets %d: it should be refused before anything is asked", r.StatusCode)
	}
	first := get(link, "", nil)
	if first.StatusCode/100 != 3 || len(first.Cookies()) != 1 {
		t.Fatalf("the link gives %d with %v", first.StatusCode, first.Cookies())
	}
	if k := first.Cookies()[0]; !k.HttpOnly || k.SameSite != http.SameSiteStrictMode {
		t.Errorf("cookie %v is open to scripts or other sites", k)
	}
	if r := get(base+"/steersman/v1/me", "", first.Cookies()); r.StatusCode != 200 {
		t.Errorf("signed in, and got %d", r.StatusCode)
	}
	if r := get(link, "", nil); len(r.Cookies()) != 0 {
		t.Error("the link works twice")
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/api/v1/query?query=1", "/"} {
		if r := get(base+path, "", nil); r.StatusCode != 200 && path != "/" {
			t.Errorf("GET %s = %d", path, r.StatusCode)
		}
	}
}

func TestTakenPorts(t *testing.T) {
	c := settings(t)
	greeting, end := launch(t, c)
	defer end() //nolint:errcheck // the second worker is what is tested
	taken := regexp.MustCompile(`OTLP (\S+) \(gRPC\)`).FindStringSubmatch(greeting)[1]
	other := settings(t)
	other.OTLPGRPC = taken
	err := Run(context.Background(), other, Options{Version: "test", Out: io.Discard, Logger: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "OTLP over gRPC") {
		t.Errorf("a port that was asked for and is taken: %v", err)
	}
	w := &worker{log: slog.New(slog.DiscardHandler)}
	usual := taken
	ln, err := w.door(&usual, taken, "OTLP over gRPC")
	if ln != nil || err != nil || len(w.warnings) != 1 || usual != "" {
		t.Errorf("a usual port that is taken gives %v, %v, warnings %q", ln, err, w.warnings)
	}
}
