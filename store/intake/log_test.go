package intake

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/steersman-ops/steersman/fact"
)

func TestQuick(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(dir, Options{SegmentBytes: 4 << 10, WindowBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range 100 {
				if _, err := l.Append(ctx, &fact.Batch{Source: fmt.Sprintf("%d/%d", g, i)}); err != nil {
					t.Error(err)
				}
			}
		}()
	}
	wg.Wait()
	read := func() {
		ctx, cancel := context.WithCancel(ctx)
		var got []string
		l.Follow(ctx, 0, func(seq uint64, b *fact.Batch) error {
			got = append(got, b.Source)
			if seq == 800 {
				cancel()
			}
			return nil
		})
		if len(got) != 800 {
			t.Fatal(len(got))
		}
	}
	read()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l, err = Open(dir, Options{SegmentBytes: 4 << 10, WindowBytes: 2000})
	if err != nil {
		t.Fatal(err)
	}
	read()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
