package wire

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"regexp"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

// BenchmarkLines sends log lines to a whole worker over OTLP, as a Collector
// would, and tells how many a core takes from the door to the store on the
// disk: by the processor time of this process, the sender's own included.
func BenchmarkLines(b *testing.B) { benchOTLP(b, "/v1/logs", "lines", benchRecords) }

// benchOTLP sends what body makes: so many of a kind, of so many senders.
func benchOTLP(b *testing.B, path, kind string, body func(b *testing.B, n int, seed uint64) []byte) {
	const batch, batches = 1000, 100
	greeting, end := launch(b, settings(b))
	base := regexp.MustCompile(`http://[^/]+`).FindString(greeting)
	otlp := "http://" + regexp.MustCompile(`([0-9.:]+) \(HTTP\)`).FindStringSubmatch(greeting)[1]
	bodies := make([][]byte, batches)
	for i := range bodies {
		bodies[i] = body(b, batch, uint64(i))
	}
	caughtUp := func() {
		until := gauge(b, base, "steersman_intake_head")
		for min(gauge(b, base, "steersman_"+kind+"_checkpoint"), gauge(b, base, "steersman_watch_log_seq")) < until {
			time.Sleep(50 * time.Millisecond)
		}
	}
	before := cpu(b)
	b.ResetTimer()
	for range b.N {
		var senders sync.WaitGroup
		for half := range 2 {
			senders.Go(func() {
				for _, body := range bodies[half*batches/2 : (half+1)*batches/2] {
					sendOTLP(b, otlp+path, body)
				}
			})
		}
		senders.Wait()
	}
	caughtUp()
	b.StopTimer()
	b.ReportMetric(float64(b.N*batch*batches)/(cpu(b)-before).Seconds(), kind+"/s/core")
	b.ReportMetric(gauge(b, base, "steersman_"+kind+"_size_bytes")/gauge(b, base, "steersman_"+kind+"_stored"), "B/item")
	if err := end(); err != nil {
		b.Error(err)
	}
}

func benchRecords(b *testing.B, n int, seed uint64) []byte {
	r := rand.New(rand.NewPCG(1, seed))
	ld := plog.NewLogs()
	rl := ld.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", seed%20))
	rl.Resource().Attributes().PutStr("service.namespace", "shop")
	rl.Resource().Attributes().PutStr("service.instance.id", fmt.Sprintf("service-%d-%d", seed%20, seed%3))
	list := rl.ScopeLogs().AppendEmpty().LogRecords()
	for i := range n {
		l := list.AppendEmpty()
		l.SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Duration(i) * time.Microsecond)))
		l.SetSeverityNumber(plog.SeverityNumberInfo)
		l.SetSeverityText("INFO")
		l.Body().SetStr(fmt.Sprintf("order %d of customer %d placed in %d ms", r.IntN(1e6), r.IntN(1e4), r.IntN(900)))
		var id [16]byte
		for j := range id {
			id[j] = byte(r.Uint32())
		}
		l.SetTraceID(id)
		l.SetSpanID([8]byte(id[8:]))
		l.Attributes().PutStr("http.route", "/orders/{id}")
		l.Attributes().PutStr("http.request.method", "POST")
		l.Attributes().PutStr("code.function", "place")
		l.Attributes().PutInt("thread", int64(r.IntN(64)))
	}
	body, err := plogotlp.NewExportRequestFromLogs(ld).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	return body
}

func sendOTLP(b *testing.B, url string, body []byte) {
	resp, err := http.Post(url, "application/x-protobuf", bytes.NewReader(body))
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK || len(answer) > 2 {
		b.Errorf("%s %q", resp.Status, answer)
	}
}
