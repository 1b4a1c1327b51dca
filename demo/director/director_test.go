package director

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/steersman-ops/steersman/demo/shop"
)

// inPlace is the variable that makes the test program stand in for steersman.
const inPlace = "DIRECTOR_TEST_IN_PLACE"

func TestMain(m *testing.M) {
	if os.Getenv(inPlace) == "" {
		goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
		return
	}
	switch os.Args[1] {
	case "demo-service":
		if err := shop.Main(context.Background(), os.Args[2:], os.Getenv, os.Stdin, os.Stdout, os.Stderr); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(2)
		}
	case "open":
		if err := openAndWait(); err != nil {
			fmt.Println(err)
		}
	case "audit": // audit verify --dir DIR
		os.Exit(audit(os.Args[4]))
	}
}

// openAndWait opens the shop, says where, and waits to be killed.
func openAndWait() error {
	plan, err := NewPlan(PlanOptions{})
	if err != nil {
		return err
	}
	cfg, err := Config{Plan: plan, Binary: os.Args[0], Rate: 5, Environment: []string{inPlace + "=1"}}.filled()
	if err != nil {
		return err
	}
	s, err := openStage(context.Background(), cfg)
	if err != nil {
		return err
	}
	defer s.close()
	for _, i := range plan.Instances {
		fmt.Print(i.Address, " ")
	}
	fmt.Println()
	select {}
}

// audit is a ledger of one file whose hash is in another.
func audit(dir string) int {
	leaves, err := os.ReadFile(filepath.Join(dir, "leaves", "0"))
	if err != nil {
		return 2
	}
	head, err := os.ReadFile(filepath.Join(dir, "head"))
	if err != nil {
		return 2
	}
	if fmt.Sprintf("%x", sha256.Sum256(leaves)) != string(head) {
		fmt.Println("leaf 0 was changed")
		return 1
	}
	return 0
}

// patience makes the deadlines of an idle machine fit a test.
const patience = 0.08

// newDemo returns a configuration and the seer that stands where Steersman would.
func newDemo(t *testing.T) (Config, *seer, *bytes.Buffer) {
	t.Helper()
	plan, err := NewPlan(PlanOptions{})
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	leaves := []byte(strings.Repeat("what was decided ", 100))
	if err := os.MkdirAll(filepath.Join(data, "ledger", "leaves"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{"leaves/0": string(leaves), "head": fmt.Sprintf("%x", sha256.Sum256(leaves))} {
		if err := os.WriteFile(filepath.Join(data, "ledger", name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	return Config{
		Plan: plan, Token: "owner", DataDir: data, Binary: os.Args[0], Environment: []string{inPlace + "=1"},
		Rate: 30, Seed: 1, Patience: patience, Quiet: 300 * time.Millisecond, Restart: true, Out: &out,
	}, newSeer(t, plan), &out
}

func TestCheckPassesWhenAllIsSeen(t *testing.T) {
	cfg, _, out := newDemo(t)
	passed, failed, err := Check(t.Context(), cfg)
	if err != nil || passed != 9 || failed != 0 {
		t.Errorf("%d passed, %d failed, %v:\n%s", passed, failed, err, out)
	}
	if lines := strings.Split(strings.TrimSpace(out.String()), "\n"); lines[len(lines)-1] != "9 passed, 0 failed" {
		t.Errorf("the last line is %q", lines[len(lines)-1])
	}
	for _, i := range cfg.Plan.Instances {
		if conn, err := net.DialTimeout("tcp", i.Address, time.Second); err == nil {
			conn.Close()
			t.Errorf("%s still answers after the end", i.Name)
		}
	}
}

// Every way of not being good enough must fail the beat that is about it.
func TestBeatsCanFail(t *testing.T) {
	cfg, seen, out := newDemo(t)
	full, err := cfg.filled()
	if err != nil {
		t.Fatal(err)
	}
	s, err := openStage(t.Context(), full)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	for _, tt := range []struct {
		name   string
		is     func(*seer)
		scenes []func(context.Context) (string, error)
		want   string // of the last scene, which must fail
	}{
		{"sees nothing", func(s *seer) { s.blind = true }, scenes(s.paymentFails), "wanted cause payment: after 0.8s: no incident"},
		{"blames another", func(s *seer) { s.wrong = true }, scenes(s.inventorySlow), "[shop/frontend: errors 0.90]"},
		{"opens two", func(s *seer) { s.twice = true }, scenes(s.paymentFails), "wanted one incident, there were 2"},
		{"proposes nothing", func(s *seer) { s.hesitant = true }, scenes(s.badRelease), "no proposal router.weights waits"},
		{"acts while stopped", func(s *seer) { s.reckless = true }, scenes(s.badRelease, s.killSwitch), "wanted status 423"},
		{"does not act", func(s *seer) { s.forgetful = true }, scenes(s.badRelease, s.wayBack), "the router's weights are map[v1:50 v2:50]"},
		{"has nothing to approve", func(s *seer) { s.blind = true }, scenes(s.badRelease, s.wayBack), "no proposal waits"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen.become(tt.is)
			defer seen.become(func(*seer) {})
			defer s.stable()
			defer s.mend(t.Context())
			var err error
			for n, scene := range tt.scenes {
				if _, err = scene(t.Context()); err != nil && n < len(tt.scenes)-1 && !strings.Contains(err.Error(), "wanted cause") {
					t.Fatalf("scene %d: %v", n, err)
				}
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want an error with %q", err, tt.want)
			}
		})
	}
	if out.Len() > 0 {
		t.Errorf("a check has no captions: %s", out)
	}
}

func scenes(all ...func(context.Context) (string, error)) []func(context.Context) (string, error) {
	return all
}

// become makes the seer good again, except in one way.
func (s *seer) become(is func(*seer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blind, s.twice, s.wrong, s.reckless, s.hesitant, s.forgetful = false, false, false, false, false, false
	is(s)
}

func TestRunTellsAndEndsWithItsContext(t *testing.T) {
	cfg, _, out := newDemo(t)
	cfg.Faults = []Injection{{Target: "email", Fault: shop.Fault{Kind: shop.FaultErrors, Value: 0.5}}}
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
	defer cancel()
	if err := Run(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"The shop is open", "email:errors=50%", "open inc-0 \"email fails\""} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// A director that is killed cannot end its shop; the shop ends all the same.
func TestShopDiesWithAKilledDirector(t *testing.T) {
	cmd := exec.Command(os.Args[0], "open")
	cmd.Env = []string{inPlace + "=1"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	alive := func() (all []string) {
		for _, address := range strings.Fields(line) {
			if conn, err := net.DialTimeout("tcp", address, time.Second); err == nil {
				conn.Close()
				all = append(all, address)
			}
		}
		return all
	}
	if n := len(alive()); n != 11 {
		_ = cmd.Process.Kill()
		t.Fatalf("%d of 11 processes answer; the director said %q, %v", n, line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for start := time.Now(); len(alive()) > 0; time.Sleep(50 * time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatalf("10s after the director was killed these still answer: %v", alive())
		}
	}
}

func TestStageThatCannotOpen(t *testing.T) {
	cfg, _, _ := newDemo(t)
	ln, err := net.Listen("tcp", cfg.Plan.Control)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if _, _, err := Check(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), cfg.Plan.Control) {
		t.Errorf("%v, want an error about %s", err, cfg.Plan.Control)
	}
	if _, _, err := Check(t.Context(), Config{}); err == nil {
		t.Error("Check took an empty configuration")
	}
}

func TestPlan(t *testing.T) {
	p, err := NewPlan(PlanOptions{Listen: "127.0.0.1:8420"})
	if err != nil {
		t.Fatal(err)
	}
	if p.Listen != "127.0.0.1:8420" {
		t.Errorf("listen on %s, want what was asked for", p.Listen)
	}
	all := []string{p.Listen, p.OTLPGRPC, p.OTLPHTTP, p.Control, p.Checkout}
	for _, i := range p.Instances {
		all = append(all, i.Address)
	}
	slices.Sort(all)
	if n := len(slices.Compact(all)); n != 5+11 {
		t.Errorf("%d addresses differ, want 16", n)
	}
	want := `actuators:
  - name: shop-router
    kind: router.weights
    url: http://` + p.Control + `/routers/checkout
    services: [checkout]
    stable: v1
  - name: shop-supervisor
    kind: process.restart
    url: http://` + p.Control + `/supervisor
    services: [frontend, recommendation, cart, checkout, payment, shipping, email, catalog, inventory, currency]
`
	if got := p.YAML(); got != want {
		t.Errorf("YAML:\n%s\nwant:\n%s", got, want)
	}
}

func TestSameMap(t *testing.T) {
	want := map[string]bool{"a → b": true}
	m := serviceMap{}
	for _, srv := range shop.Services() {
		m.Nodes = append(m.Nodes, struct {
			Entity string `json:"entity"`
		}{entity(srv.Name)})
	}
	edge := func(c, s string) {
		m.Edges = append(m.Edges, struct {
			Client string `json:"client"`
			Server string `json:"server"`
		}{c, s})
	}
	if err := sameMap(m, want); err == nil || !strings.Contains(err.Error(), "a → b") {
		t.Errorf("without an edge: %v", err)
	}
	edge("a", "b")
	if err := sameMap(m, want); err != nil {
		t.Errorf("the same: %v", err)
	}
	edge("b", "a")
	if err := sameMap(m, want); err == nil || !strings.Contains(err.Error(), "unexpected: [b → a]") {
		t.Errorf("with an edge too many: %v", err)
	}
}

func TestFlipChangesOneBit(t *testing.T) {
	dir := t.TempDir()
	before := []byte("0123456789")
	if err := os.WriteFile(filepath.Join(dir, "leaves"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	_, at, err := flip(filepath.Join(dir, "leaves"))
	if err != nil || at != 5 {
		t.Fatalf("byte %d, %v; want byte 5", at, err)
	}
	after, err := os.ReadFile(filepath.Join(dir, "leaves"))
	if err != nil || string(after) != "0123446789" {
		t.Errorf("%q, %v", after, err)
	}
	for _, path := range []string{filepath.Join(dir, "nothing"), t.TempDir()} {
		if _, _, err := flip(path); err == nil {
			t.Errorf("flip(%s) found a byte", path)
		}
	}
}
