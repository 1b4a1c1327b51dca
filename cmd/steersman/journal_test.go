package main

import (
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/steersman-ops/steersman/console/api"
)

// An entry of a journal is found while its stream goes on.
func TestJournal(t *testing.T) {
	r := start(t, "")
	body, w := io.Pipe()
	done := make(chan int)
	go func() {
		res, err := http.Post(r.base+"/journal/upload", "application/vnd.fdo.journal", body)
		if err != nil {
			t.Error(err)
			done <- 0
			return
		}
		_ = res.Body.Close()
		done <- res.StatusCode
	}()
	fmt.Fprint(w, "MESSAGE=card declined\nPRIORITY=3\n_HOSTNAME=node-1\n_SYSTEMD_UNIT=checkout.service\n\n")
	var out api.Lines
	eventually(t, "the line is there", func() string {
		if code := r.ask(http.MethodGet, "/steersman/v1/lines?query=declined&service=checkout&severity=error", nil, &out); code != http.StatusOK || len(out.Lines) != 1 {
			return fmt.Sprint(code, " ", len(out.Lines), " lines")
		}
		return ""
	})
	if l := out.Lines[0]; l.Instance != "node-1" || l.Fields.Get("_SYSTEMD_UNIT") != "checkout.service" {
		t.Errorf("%+v", l)
	}
	_ = w.Close()
	if code := <-done; code != http.StatusAccepted {
		t.Errorf("the answer is %d", code)
	}
}
