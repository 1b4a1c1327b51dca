package records_test

import (
	"path/filepath"
	"reflect"
	"testing"

	"github.com/steersman-ops/steersman/fact"
	"github.com/steersman-ops/steersman/store/records"
)

func TestBackup(t *testing.T) {
	dir := t.TempDir()
	s, err := records.Open(filepath.Join(dir, "records.db"), records.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for _, id := range []string{"inc-a", "inc-b"} {
		if err := s.PutIncident(t.Context(), fact.Incident{ID: id, State: fact.Open, Title: "it's " + id}); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(dir, "copy of it's.db")
	if err := s.Backup(t.Context(), copied); err != nil {
		t.Fatal(err)
	}
	if err := s.PutIncident(t.Context(), fact.Incident{ID: "inc-c", State: fact.Open}); err != nil {
		t.Fatal(err)
	}
	c, err := records.Open(copied, records.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Incidents(t.Context(), records.IncidentQuery{})
	if err != nil || len(got) != 2 {
		t.Fatalf("%d incidents, %v", len(got), err)
	}
	for _, i := range got {
		if want, err := s.Incident(t.Context(), i.ID); err != nil || !reflect.DeepEqual(i, want) {
			t.Errorf("%+v, want %+v (%v)", i, want, err)
		}
	}
	if err := s.Backup(t.Context(), copied); err == nil {
		t.Error("over a file that is there: no error")
	}
}
