package scrape

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/miekg/dns"

	"github.com/steersman-ops/steersman/signal"
	"github.com/steersman-ops/steersman/signal/signaltest"
)

// inside is set for the process that has a network of its own.
const inside = "STEERSMAN_TEST_OWN_NETWORK"

// Prometheus' discovery asks the name servers of /etc/resolv.conf, at port 53. So the
// test runs itself again where both are its own: in new namespaces.
func TestDNSDiscovery(t *testing.T) {
	if os.Getenv(inside) != "" {
		discoverByDNS(t)
		return
	}
	conf := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(conf, []byte("nameserver 127.0.0.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	prepare := fmt.Sprintf("ip link set lo up && mount --bind %s /etc/resolv.conf", conf)
	if out, err := exec.CommandContext(t.Context(), "unshare", "-rmn", "sh", "-c", prepare).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED, NOT TESTED: no namespaces here: %v: %s", err, out)
	}
	cmd := exec.CommandContext(t.Context(), "unshare", "-rmn", "sh", "-c", prepare+` && exec "$0" -test.run '^TestDNSDiscovery$' -test.v`, os.Args[0])
	cmd.Env = append(os.Environ(), inside+"=1")
	if out, err := cmd.CombinedOutput(); err != nil || !bytes.Contains(out, []byte("--- PASS: TestDNSDiscovery")) {
		t.Errorf("%v:\n%s", err, out)
	}
}

func discoverByDNS(t *testing.T) {
	tg := newTarget(t, "a 1\n")
	_, port, err := net.SplitHostPort(tg.address())
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.ListenPacket("udp", "127.0.0.1:53")
	if err != nil {
		t.Fatal(err)
	}
	srv := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		if rr, err := dns.NewRR(fmt.Sprintf("%s 60 IN SRV 0 0 %s localhost.", q.Question[0].Name, port)); err == nil && q.Question[0].Name == "_shop._tcp.example.com." {
			m.Answer = append(m.Answer, rr)
		} else {
			m.Rcode = dns.RcodeNameError
		}
		_ = w.WriteMsg(m)
	})}
	done := make(chan error)
	go func() { done <- srv.ActivateAndServe() }()
	d, sink := signaltest.Doors(signal.Limits{})
	_, stop := run(t, d, fast+"  dns_sd_configs: [{names: [_shop._tcp.example.com]}]\n", Options{})
	await(t, "a scrape", func() bool { return len(values(sink, `a{job="shop"}`)) > 0 })
	stop()
	if err := srv.Shutdown(); err != nil {
		t.Error(err)
	}
	<-done
}
