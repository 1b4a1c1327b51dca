package api

import (
	"bytes"
	"flag"
	"os"
	"testing"
)

var write = flag.Bool("write", false, "write openapi.json instead of comparing")

const documentFile = "openapi.json"

// The document beside the code is what the console's types are made from.
func TestDocumentIsCurrent(t *testing.T) {
	got, err := Document("dev")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *write {
		if err := os.WriteFile(documentFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what the code says: run `make api`", documentFile)
	}
}
