// Package realprom starts a real Prometheus and a real node exporter for a
// test, so that what comes in is what the world sends, and so that there is
// someone to compare answers with.
//
// It answers one question: what would Prometheus say? It needs the programs
// prometheus and prometheus-node-exporter (Debian's packages have these names)
// and skips the test, loudly, where they are missing.
//
// # Limits
//
// The ports are found by opening and closing them, so another program may
// take one in between; Start then fails the test.
package realprom

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// Options say what Prometheus does.
type Options struct {
	RemoteWrite string        // URL to which it sends what it scrapes; empty: nowhere
	Scrape      time.Duration // time between two scrapes; default 250 ms
	Targets     []string      // further host:port to scrape, as job "more"
	Native      bool          // it scrapes, keeps and sends native histograms
	Receive     bool          // it scrapes nothing and takes remote write at /api/v1/write
}

// Start starts a Prometheus that scrapes itself (job "prometheus"), a node
// exporter (job "node") and the further targets. It returns when Prometheus is
// ready, with its base URL, and a function that stops both and waits for
// them. Both are stopped at the end of the test at the latest.
func Start(t testing.TB, opt Options) (url string, stop func()) {
	t.Helper()
	prometheus := program(t, "prometheus")
	if opt.Receive {
		return receiver(t, prometheus)
	}
	exporter := program(t, "prometheus-node-exporter")
	if opt.Scrape == 0 {
		opt.Scrape = 250 * time.Millisecond
	}
	dir := t.TempDir()
	self, node := freeAddr(t), freeAddr(t)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config(opt, self, node)), 0o644); err != nil {
		t.Fatal(err)
	}
	stopNode := start(t, exporter, "--web.listen-address="+node)
	args := []string{"--config.file=" + file, "--storage.tsdb.path=" + filepath.Join(dir, "data"), "--web.listen-address=" + self, "--log.level=warn"}
	if opt.Native {
		args = append(args, "--enable-feature=native-histograms")
	}
	stopSelf := start(t, prometheus, args...)
	url = "http://" + self
	waitFor(t, "http://"+node+"/metrics")
	waitFor(t, url+"/-/ready")
	return url, func() { stopSelf(); stopNode() }
}

// receiver starts a Prometheus that only takes what is written to it.
func receiver(t testing.TB, path string) (url string, stop func()) {
	t.Helper()
	dir, self := t.TempDir(), freeAddr(t)
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte("global: {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	stop = start(t, path, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"), "--web.listen-address="+self, "--log.level=warn", "--web.enable-remote-write-receiver")
	waitFor(t, "http://"+self+"/-/ready")
	return "http://" + self, stop
}

// StartVictoria starts a VictoriaMetrics (Debian's package victoria-metrics) that
// takes remote write at /api/v1/write and answers as Prometheus does.
func StartVictoria(t testing.TB) (url string, stop func()) {
	t.Helper()
	path, self := program(t, "victoria-metrics"), freeAddr(t)
	stop = start(t, path, "-storageDataPath="+t.TempDir(), "-httpListenAddr="+self, "-loggerLevel=ERROR", "-memory.allowedBytes=256MB", "-selfScrapeInterval=0")
	waitFor(t, "http://"+self+"/health")
	return "http://" + self, stop
}

func program(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("SKIPPED, NOT TESTED: %v. Install Debian's packages prometheus, prometheus-node-exporter and victoria-metrics to run this test.", err)
	}
	return path
}

func freeAddr(t testing.TB) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

func config(opt Options, self, node string) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "global: {scrape_interval: %dms, scrape_timeout: %dms}\n", opt.Scrape.Milliseconds(), opt.Scrape.Milliseconds())
	b.WriteString("scrape_configs:\n")
	fmt.Fprintf(&b, "- {job_name: prometheus, static_configs: [{targets: ['%s']}]}\n", self)
	fmt.Fprintf(&b, "- {job_name: node, static_configs: [{targets: ['%s']}]}\n", node)
	for i, target := range opt.Targets {
		fmt.Fprintf(&b, "- {job_name: more-%d, static_configs: [{targets: ['%s']}]}\n", i, target)
	}
	if opt.RemoteWrite != "" {
		fmt.Fprintf(&b, "remote_write:\n- url: '%s'\n  send_native_histograms: %t\n", opt.RemoteWrite, opt.Native)
		b.WriteString("  queue_config: {batch_send_deadline: 100ms, min_backoff: 50ms, max_backoff: 500ms}\n")
		b.WriteString("  metadata_config: {send: true, send_interval: 1s}\n")
	}
	return b.String()
}

// start runs a program until it is stopped. What it says is shown when the
// test fails.
func start(t testing.TB, path string, args ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var said bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 5 * time.Second
	DieWithParent(cmd)
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := cmd.Wait()
		if ctx.Err() == nil {
			t.Errorf("%s ended by itself: %v", path, err)
		}
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		<-done
		if t.Failed() {
			t.Logf("%s said:\n%s", path, tail(said.String()))
		}
	})
	t.Cleanup(stop)
	return stop
}

func tail(s string) string { return s[max(0, len(s)-4000):] }

// waitFor waits until the URL is answered with 200.
func waitFor(t testing.TB, url string) {
	t.Helper()
	var last error
	for begun := time.Now(); time.Since(begun) < 20*time.Second; time.Sleep(20 * time.Millisecond) {
		if last = get(url); last == nil {
			return
		}
	}
	t.Fatalf("%s is not ready: %v", url, last)
}

func get(url string) error {
	client := http.Client{Timeout: time.Second}
	res, err := client.Get(url)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, res.Body)
	if res.StatusCode != http.StatusOK {
		err = errors.New(res.Status)
	}
	return errors.Join(err, res.Body.Close())
}
