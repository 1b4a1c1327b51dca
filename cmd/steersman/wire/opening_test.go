package wire

import (
	"context"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/series"
)

// While the series are being opened, questions are answered with when to come
// again, no series is refused as new, and what appends to them waits.
func TestWhileTheSeriesAreOpened(t *testing.T) {
	dir, goOn := t.TempDir(), make(chan struct{})
	o, err := openLater(func() (*series.Store, error) {
		<-goOn
		return series.Open(dir, series.Options{})
	})
	if err != nil {
		t.Fatal(err)
	}
	ask := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		o.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/query?query=1", nil))
		return w
	}
	if w := ask(); w.Code != 503 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "still being opened") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if !o.has(fact.LabelsOf(fact.NameLabel, "x")) {
		t.Error("a series that may be there counts as new")
	}
	if _, _, err := (prober{o}).Probe(t.Context(), "1", time.Now()); !errors.Is(err, errOpening) {
		t.Errorf("a probe says %v", err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	d := derived{series: o}
	if err := d.Append(short, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an append did not wait: %v", err)
	}
	if err := d.Sync(); err != nil {
		t.Error(err)
	}

	close(goOn)
	if _, err := o.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w := ask(); w.Code != 200 {
		t.Errorf("opened: %d %s", w.Code, w.Body)
	}
	if o.has(fact.LabelsOf(fact.NameLabel, "x")) {
		t.Error("a series that is not there counts as known")
	}
	if err := o.Close(); err != nil {
		t.Error(err)
	}
}

// A store that cannot be opened, at once or later, is no reason to start again
// and again.
func TestSeriesThatCannotBeOpened(t *testing.T) {
	broken := errors.New("broken")
	var bad unfit
	if o, err := openLater(func() (*series.Store, error) { return nil, broken }); !errors.As(err, &bad) || !errors.Is(err, broken) || o.Close() != nil {
		t.Errorf("at once: %v", err)
	}
	o, err := openLater(func() (*series.Store, error) {
		time.Sleep(soon + 100*time.Millisecond)
		return nil, broken
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.wait(t.Context()); !errors.As(err, &bad) {
		t.Errorf("later: %v", err)
	}
	if err := (derived{series: o}).Append(t.Context(), nil); !errors.As(err, &bad) {
		t.Errorf("an append says %v", err)
	}
}
