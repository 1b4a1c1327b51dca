package series

import (
	"context"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/steersman-ops/steersman/fact"
)

// Remember makes the store remember at most n series.
func Remember(s *Store, n int) { s.refs.max = n }

// Remembered is how many series the store remembers.
func Remembered(s *Store) int { return len(s.refs.entries) }

// CompactOnRequest keeps the database from compacting by itself. The first late
// chunk written since the store was opened must not coincide with the first
// truncation of the chunk files (Prometheus' ChunkDiskMapper.Truncate resets the
// file number under the writer and panics); a minute after opening they hardly
// can, while a test that pours hours of samples in within a second finds it.
func CompactOnRequest(s *Store) { s.db.DisableCompactions() }

// Compact does now what the database does from time to time.
func Compact(ctx context.Context, s *Store) error { return s.db.Compact(ctx) }

// Blocks is how many blocks there are on disk.
func Blocks(s *Store) int { return len(s.db.Blocks()) }

// CheckpointFile is the checkpoint's name in the store's directory.
const CheckpointFile = checkpointFile

// ReadCheckpoint reads the checkpoint.
func ReadCheckpoint(path string) (uint64, error) {
	c, err := readCheckpoint(path)
	return c.Seq, err
}

// ReleaseOf translates the version of Prometheus' library.
func ReleaseOf(library string) string { return releaseOf(library) }

// Metrics are those of the database and the engine.
func (s *Store) Metrics() *prometheus.Registry { return s.metrics }

// Raw returns everything that is stored of the series of one name.
func (s *Store) Raw(ctx context.Context, name string) ([]fact.Series, error) {
	q, err := s.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	var out []fact.Series
	set := q.Select(ctx, true, nil, labels.MustNewMatcher(labels.MatchEqual, fact.NameLabel, name))
	for set.Next() {
		ls, err := fromProm(set.At().Labels())
		if err != nil {
			return nil, err
		}
		one := fact.Series{Labels: ls}
		it := set.At().Iterator(nil)
		for it.Next() == chunkenc.ValFloat {
			t, v := it.At()
			one.Points = append(one.Points, fact.Point{T: t, V: v})
		}
		if it.Err() != nil {
			return nil, it.Err()
		}
		out = append(out, one)
	}
	return out, set.Err()
}

// Forget makes the store remember nothing.
func Forget(s *Store) { s.refs.entries, s.refs.hinted = make(map[fact.Labels]*entry), nil }

// RememberShapes makes the store remember at most n series of other shapes.
func RememberShapes(s *Store, n int) { s.shapes.max = n }

// RememberedShapes is how many it remembers, and how many of them have a
// histogram that deltas have added up to.
func RememberedShapes(s *Store) (n, totals int) { return len(s.shapes.byLabel), s.shapes.totals }
