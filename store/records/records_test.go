package records_test

import (
	"path/filepath"
	"testing"

	"github.com/steersman-ops/steersman/store/records"
	"github.com/steersman-ops/steersman/store/storetest/recordstest"
)

func TestPromises(t *testing.T) {
	recordstest.Check(t, func(t *testing.T) func() recordstest.Store {
		path := filepath.Join(t.TempDir(), "records.db")
		return func() recordstest.Store {
			s, err := records.Open(path, records.Options{Version: "0.1.0"})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
