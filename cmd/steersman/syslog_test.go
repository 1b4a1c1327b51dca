package main

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/steersman-ops/steersman/console/api"
)

// A line that came by syslog is found, while the connection is in the middle of
// the next.
func TestSyslog(t *testing.T) {
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	r := start(t, "syslog: "+address+"\n")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "<11>1 %s node-1 checkout 4711 - - card declined\n<11>1 %s node-1 checkout", time.Now().UTC().Format(time.RFC3339Nano), time.Now().UTC().Format(time.RFC3339Nano))
	var out api.Lines
	eventually(t, "the line is there", func() string {
		if code := r.ask(http.MethodGet, "/steersman/v1/lines?query=declined&service=checkout&severity=error", nil, &out); code != http.StatusOK || len(out.Lines) != 1 {
			return fmt.Sprint(code, " ", len(out.Lines), " lines")
		}
		return ""
	})
	if l := out.Lines[0]; l.Text != "card declined" || l.Instance != "node-1" || l.Level != "err" || l.Fields.Get("process.pid") != "4711" {
		t.Errorf("%+v", l)
	}
	var sources api.Sources
	r.ask(http.MethodGet, "/steersman/v1/sources", nil, &sources)
	if !strings.Contains(fmt.Sprintf("%+v", sources), "syslog/127.0.0.1") {
		t.Errorf("sources: %+v", sources)
	}
}
