package limits

import (
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
)

func TestQuantile(t *testing.T) {
	ms := func(list ...int) (out []time.Duration) {
		for _, v := range list {
			out = append(out, time.Duration(v)*time.Millisecond)
		}
		return out
	}
	for _, tt := range []struct {
		sorted []time.Duration
		q      float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{ms(4), 0.99, 4 * time.Millisecond},
		{ms(1, 2, 3, 4), 0.5, 3 * time.Millisecond},
		{ms(1, 2, 3, 4), 1, 4 * time.Millisecond},
	} {
		if got := at(tt.sorted, tt.q); got != tt.want {
			t.Errorf("at(%v, %v) = %v, want %v", tt.sorted, tt.q, got, tt.want)
		}
	}
}

// Requests that follow one another name different series, and each is one that
// remote write takes: labels in order, none twice.
func TestSamples(t *testing.T) {
	seen := make(map[string]bool)
	for _, first := range []int{0, perRequest, 12 * perRequest} {
		b, err := samples("x", first, perRequest, 3, time.UnixMilli(5))
		if err != nil {
			t.Fatal(err)
		}
		raw, err := snappy.Decode(nil, b)
		if err != nil {
			t.Fatal(err)
		}
		var req prompb.WriteRequest
		if err := req.Unmarshal(raw); err != nil {
			t.Fatal(err)
		}
		for _, s := range req.Timeseries {
			key := ""
			for i, l := range s.Labels {
				if i > 0 && l.Name <= s.Labels[i-1].Name {
					t.Fatalf("labels out of order: %v", s.Labels)
				}
				key += l.Name + "=" + l.Value + ","
			}
			if seen[key] || len(s.Samples) != 1 || s.Samples[0].Timestamp != 5 {
				t.Fatalf("%s again, or with %v", key, s.Samples)
			}
			seen[key] = true
		}
	}
}
