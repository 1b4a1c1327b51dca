package family

import (
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

func TestOf(t *testing.T) {
	for _, tt := range []struct {
		family, metric string
		want           fact.SeriesType
	}{
		{"counter", "requests", fact.Counter},
		{"counter", "requests_total", fact.Counter},
		{"counter", "requests_created", fact.Gauge},
		{"gauge", "queue_count", fact.Gauge},
		{"histogram", "took_bucket", fact.Counter},
		{"histogram", "took", fact.Untyped},
		{"gaugehistogram", "size_bucket", fact.Gauge},
		{"summary", "took", fact.Gauge},
		{"summary", "took_sum", fact.Counter},
		{"info", "build_info", fact.Gauge},
		{"unknown", "x_total", fact.Untyped},
		{"nonsense", "x", fact.Untyped},
	} {
		if got := Parse(tt.family).Of(tt.metric); got != tt.want {
			t.Errorf("%s in a %s is %v, want %v", tt.metric, tt.family, got, tt.want)
		}
	}
}
