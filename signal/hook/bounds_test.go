package hook

import (
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// What a message makes of few bytes is bounded before it is built.
func TestSmallBodiesStaySmall(t *testing.T) {
	const n = 4 << 20
	times := func(s string) string { return strings.Repeat(s, n/len(s)) }
	gl := map[string]string{"X-Gitlab-Token": "gl-token"}
	for _, tt := range []struct {
		name, path, body string
		header           map[string]string
		code             int
	}{
		{"alerts", "/hooks/alertmanager", `{"version":"4","alerts":[` + times("{},") + `{}]}`, nil, http.StatusRequestEntityTooLarge},
		{"commits", "/hooks/gitlab", `{"object_kind":"push",` + glProj + `,"commits":[` + times("{},") + `{}]}`, gl, http.StatusRequestEntityTooLarge},
		{"deep", "/hooks/cloudevents", `{"data":` + times("[") + `}`, nil, http.StatusBadRequest},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, sink := signaltest.Doors(signal.Limits{})
			code := 0
			if got := peak(func() { code = give(t, d, tt.path, tt.body, tt.header).Code }); got > 6*n || code != tt.code {
				t.Errorf("%d bytes took %d at once, answer %d", len(tt.body), got, code)
			}
			signaltest.Law(t, d, sink)
		})
	}
}

// What is signed counts against the limit of who signed it, as what has a token
// does.
func TestBytesOfASigner(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	d.Keys = new(signal.Keys)
	if err := d.Keys.Set([]signal.Named{{Name: "gh", Digest: signal.Digest("secret"), Secret: []byte("secret"), Limits: signal.SourceLimits{BytesPerSecond: 100}}}); err != nil {
		t.Fatal(err)
	}
	body := `{` + ghRepo + `,"ref":"refs/heads/main","after":"0123"` + strings.Repeat(" ", 1000) + `}`
	for i, want := range []int{http.StatusOK, http.StatusTooManyRequests} {
		r := httptest.NewRequest(http.MethodPost, "/hooks/github/gh", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-GitHub-Event", "push")
		r.Header.Set("X-Hub-Signature-256", sign("secret", body))
		w := httptest.NewRecorder()
		NewHandler(d, true).ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("push %d: %d %s", i, w.Code, w.Body)
		}
	}
	signaltest.Law(t, d, sink)
}

// peak is how much memory more than before was in use at once.
func peak(fn func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	var m runtime.MemStats
	inUse := func() uint64 { runtime.ReadMemStats(&m); return m.HeapAlloc }
	runtime.GC()
	before, most := inUse(), uint64(0)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				most = max(most, inUse())
			}
		}
	}()
	fn()
	close(done)
	<-ended
	return max(most, before) - before
}
