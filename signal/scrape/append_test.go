package scrape

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

func labelsOf(name string) labels.Labels { return labels.FromStrings(model.MetricNameLabel, name) }

func options() storage.AppendV2Options { return storage.AppendV2Options{} }

// The marker of a target that went does not end the series of the same target
// that is back.
func TestMarkersThatComeTooLate(t *testing.T) {
	d, sink := signaltest.Doors(signal.Limits{})
	to := &appendable{doors: d, puller: d.Puller("scrape:x", signal.SourceLimits{}), limits: d.Limits.WithDefaults(), known: newKnown(10), stopping: t.Context()}
	a := to.AppenderV2(t.Context())
	ref, err := a.Append(0, labelsOf("a"), 0, 1000, 1, nil, nil, options())
	if err != nil || ref == 0 {
		t.Fatal(ref, err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	a = to.AppenderV2(t.Context())
	again, err := a.Append(0, labelsOf("a"), 0, 2000, 1, nil, nil, options())
	if err != nil || again != ref {
		t.Errorf("the same series has the numbers %d and %d, %v", ref, again, err)
	}
	if err := a.Commit(); err != nil {
		t.Fatal(err)
	}
	a = to.AppenderV2(t.Context())
	if _, err := a.Append(ref, labelsOf("a"), 0, 1500, 1, nil, nil, storage.AppendV2Options{RejectOutOfOrder: true}); !errors.Is(err, storage.ErrOutOfOrderSample) {
		t.Errorf("error %v", err)
	}
	if err := a.Commit(); err != nil || sink.Items() != 2 {
		t.Errorf("%v, %d items", err, sink.Items())
	}
	signaltest.Law(t, d, sink)
}

func TestKnownIsBounded(t *testing.T) {
	now := time.Unix(0, 0)
	k := newKnown(100)
	kept := k.get(fact.LabelsOf("name", "kept"), now)
	for i := range 1000 {
		k.get(fact.LabelsOf("name", fmt.Sprint(i)), now)
		if k.find(kept.ref, now) != kept {
			t.Fatalf("after %d others the one that is asked for is gone", i)
		}
	}
	if n := len(k.young.byRef) + len(k.old.byRef); n > 101 || len(k.young.byLabels)+len(k.old.byLabels) != n {
		t.Errorf("%d are remembered", n)
	}
	now = now.Add(2 * turnAfter)
	k.get(fact.LabelsOf("name", "new"), now)
	now = now.Add(2 * turnAfter)
	k.get(fact.LabelsOf("name", "newer"), now)
	if k.find(kept.ref, now) != nil {
		t.Error("what is not scraped any more is remembered for ever")
	}
}
