package identity

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func open(t *testing.T, dir string, opt Options) *Identity {
	t.Helper()
	i, err := Open(dir, opt)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func fresh(t *testing.T) (*Identity, *clock, string) {
	t.Helper()
	c, dir := &clock{start}, t.TempDir()
	return open(t, dir, Options{Now: c.Now}), c, dir
}

// login opens a link as a browser does and returns the answer.
func login(i *Identity, link string, with ...*http.Cookie) *http.Response {
	r := httptest.NewRequest(http.MethodGet, link, nil)
	for _, c := range with {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	i.Login(w, r)
	return w.Result()
}

func session(t *testing.T, i *Identity) *http.Cookie {
	t.Helper()
	resp := login(i, i.LoginLink("http://localhost:8420"))
	if resp.StatusCode != http.StatusSeeOther || len(resp.Cookies()) != 1 {
		t.Fatalf("login: %s, cookies %v", resp.Status, resp.Cookies())
	}
	return resp.Cookies()[0]
}

func who(i *Identity, change func(*http.Request)) (Person, error) {
	r := httptest.NewRequest(http.MethodGet, "http://localhost:8420/steersman/v1/me", nil)
	change(r)
	return i.Authenticate(r)
}

func withCookie(c *http.Cookie) func(*http.Request) {
	return func(r *http.Request) { r.AddCookie(c) }
}

func withBearer(token string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Authorization", token) }
}

func TestOwnerToken(t *testing.T) {
	i, _, dir := fresh(t)
	info, err := os.Stat(i.TokenPath())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info, err)
	}
	data, err := os.ReadFile(i.TokenPath())
	if err != nil {
		t.Fatal(err)
	}
	token := strings.TrimSpace(string(data))
	if len(token) != 43 {
		t.Errorf("the token has %d letters, 32 bytes in base64url have 43", len(token))
	}
	for _, again := range []*Identity{i, open(t, dir, Options{})} {
		if p, err := who(again, withBearer("Bearer "+token)); err != nil || p != (Person{"owner", "owner"}) {
			t.Errorf("%+v %v", p, err)
		}
	}
	if p, err := who(open(t, dir, Options{Owner: "ada"}), withBearer("bearer "+token)); err != nil || p.Name != "ada" {
		t.Errorf("%+v %v", p, err)
	}
	for _, bad := range []string{"", "Bearer", "Bearer ", "Bearer x", "Bearer " + token[:42], "Bearer " + token + "x", "Basic " + token, token, "Bearer " + strings.ToUpper(token)} {
		if bad == "" {
			continue
		}
		if p, err := who(i, withBearer(bad)); !errors.Is(err, ErrNobody) {
			t.Errorf("%q: %+v %v", bad, p, err)
		}
	}
}

func TestOwnerTokenThatOthersCanRead(t *testing.T) {
	i, _, dir := fresh(t)
	if err := os.Chmod(i.TokenPath(), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("%v", err)
	}
}

func TestOwnerTokenThatIsNone(t *testing.T) {
	for _, text := range []string{"", "secret", "x y", strings.Repeat("a", 42)} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, TokenFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir, Options{}); err == nil || !strings.Contains(err.Error(), "remove it") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestLinkIsGoodOnce(t *testing.T) {
	i, _, _ := fresh(t)
	link := i.LoginLink("http://localhost:8420/")
	if !strings.HasPrefix(link, "http://localhost:8420/login?token=") {
		t.Fatalf("link %q", link)
	}
	resp := login(i, link)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" || resp.Header.Get("Referrer-Policy") != "no-referrer" || resp.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s %v", resp.Status, resp.Header)
	}
	c := resp.Cookies()[0]
	if c.Name != Cookie || !c.HttpOnly || c.Secure || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 30*24*3600 || len(c.Value) != 43 {
		t.Errorf("cookie %+v", c)
	}
	if p, err := who(i, withCookie(c)); err != nil || p.Role != "owner" {
		t.Errorf("%+v %v", p, err)
	}
	if again := login(i, link); again.StatusCode != http.StatusForbidden || len(again.Cookies()) != 0 {
		t.Errorf("the second time: %s %v", again.Status, again.Cookies())
	}
	for _, bad := range []string{"http://x/login", "http://x/login?token=", "http://x/login?token=guess"} {
		if resp := login(i, bad); resp.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", bad, resp.Status)
		}
	}
}

// Ten thousand opened the link at once; one got in.
func TestLinkIsGoodOnceForMany(t *testing.T) {
	i, _, _ := fresh(t)
	link := i.LoginLink("http://localhost:8420")
	var wg sync.WaitGroup
	var mu sync.Mutex
	in := 0
	for range 8 {
		wg.Go(func() {
			for range 1250 {
				if login(i, link).StatusCode == http.StatusSeeOther {
					mu.Lock()
					in++
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	if in != 1 {
		t.Errorf("%d got in", in)
	}
}

func TestLinkExpires(t *testing.T) {
	i, c, _ := fresh(t)
	link := i.LoginLink("http://localhost:8420")
	c.now = start.Add(LinkFor)
	if resp := login(i, link); resp.StatusCode != http.StatusForbidden {
		t.Errorf("after ten minutes: %s", resp.Status)
	}
}

func TestLinksAreBounded(t *testing.T) {
	i, c, _ := fresh(t)
	first := i.LoginLink("http://localhost:8420")
	for range MaxLinks {
		c.now = c.now.Add(time.Second)
		i.LoginLink("http://localhost:8420")
	}
	if len(i.links) != MaxLinks {
		t.Errorf("%d links", len(i.links))
	}
	if resp := login(i, first); resp.StatusCode != http.StatusForbidden {
		t.Errorf("the first of too many: %s", resp.Status)
	}
}

func TestSessionExpires(t *testing.T) {
	i, c, _ := fresh(t)
	cookie := session(t, i)
	c.now = start.Add(SessionFor - 1)
	if _, err := who(i, withCookie(cookie)); err != nil {
		t.Error(err)
	}
	c.now = start.Add(SessionFor)
	if _, err := who(i, withCookie(cookie)); !errors.Is(err, ErrNobody) {
		t.Errorf("after 30 days: %v", err)
	}
}

func TestSessionOutlastsARestart(t *testing.T) {
	i, c, dir := fresh(t)
	cookie := session(t, i)
	again := open(t, dir, Options{Now: c.Now})
	if _, err := who(again, withCookie(cookie)); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(filepath.Join(dir, SessionsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	data, err := os.ReadFile(filepath.Join(dir, SessionsFile))
	if err != nil || strings.Contains(string(data), cookie.Value) {
		t.Errorf("the file gives the session away: %s %v", data, err)
	}
}

// A session that somebody planted in the browser does not become the owner's.
func TestFixation(t *testing.T) {
	i, _, _ := fresh(t)
	planted := &http.Cookie{Name: Cookie, Value: "planted"}
	resp := login(i, i.LoginLink("http://localhost:8420"), planted)
	if c := resp.Cookies()[0]; c.Value == planted.Value {
		t.Error("login kept the session that was planted")
	}
	if _, err := who(i, withCookie(planted)); !errors.Is(err, ErrNobody) {
		t.Errorf("the planted session: %v", err)
	}
	first, second := session(t, i), session(t, i)
	if first.Value == second.Value {
		t.Error("two logins, one session")
	}
}

// A wrong token is not made good by a session beside it.
func TestHeaderGoesFirst(t *testing.T) {
	i, _, _ := fresh(t)
	c := session(t, i)
	if _, err := who(i, func(r *http.Request) { r.AddCookie(c); r.Header.Set("Authorization", "Bearer wrong") }); !errors.Is(err, ErrNobody) {
		t.Errorf("%v", err)
	}
}

func TestNobody(t *testing.T) {
	i, _, _ := fresh(t)
	for name, change := range map[string]func(*http.Request){
		"nothing":          func(*http.Request) {},
		"an empty cookie":  withCookie(&http.Cookie{Name: Cookie}),
		"a hash":           withCookie(&http.Cookie{Name: Cookie, Value: strings.Repeat("0", 64)}),
		"another's cookie": withCookie(&http.Cookie{Name: "session", Value: session(t, i).Value}),
	} {
		if p, err := who(i, change); !errors.Is(err, ErrNobody) {
			t.Errorf("%s: %+v %v", name, p, err)
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	i, c, dir := fresh(t)
	first := session(t, i)
	for range MaxSessions {
		c.now = c.now.Add(time.Second)
		session(t, i)
	}
	if len(i.sessions) != MaxSessions || len(open(t, dir, Options{Now: c.Now}).sessions) != MaxSessions {
		t.Errorf("%d sessions", len(i.sessions))
	}
	if _, err := who(i, withCookie(first)); !errors.Is(err, ErrNobody) {
		t.Errorf("the first of too many: %v", err)
	}
}

func TestLogout(t *testing.T) {
	i, c, dir := fresh(t)
	cookie := session(t, i)
	r := httptest.NewRequest(http.MethodPost, "/logout", nil)
	r.AddCookie(cookie)
	w := httptest.NewRecorder()
	i.Logout(w, r)
	if got := w.Result().Cookies(); w.Code != http.StatusNoContent || len(got) != 1 || got[0].MaxAge != -1 {
		t.Errorf("%d %v", w.Code, got)
	}
	for _, i := range []*Identity{i, open(t, dir, Options{Now: c.Now})} {
		if _, err := who(i, withCookie(cookie)); !errors.Is(err, ErrNobody) {
			t.Errorf("after logout: %v", err)
		}
	}
}

func TestCookieIsSecureOverTLS(t *testing.T) {
	i, _, _ := fresh(t)
	if resp := login(i, strings.Replace(i.LoginLink("http://localhost:8420"), "http:", "https:", 1)); !resp.Cookies()[0].Secure {
		t.Error("the cookie travels without TLS")
	}
}

func TestProtectHost(t *testing.T) {
	i := open(t, t.TempDir(), Options{Hosts: []string{"Steersman.example"}})
	h := i.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for host, want := range map[string]int{
		"localhost": 418, "localhost:8420": 418, "LOCALHOST:8420": 418, "127.0.0.1:8420": 418, "[::1]:8420": 418, "[::1]": 418,
		"steersman.example": 418, "steersman.example:443": 418, "localhost.": 418,
		"evil.example": 421, "evil.example:8420": 421, "localhost.evil.example": 421, "127.0.0.1.evil.example:8420": 421,
		"": 421, ":8420": 421, "0.0.0.0:8420": 421, "169.254.169.254": 421, "[::ffff:127.0.0.1]:8420": 421, "localhost@evil.example": 421,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host = host
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != want {
			t.Errorf("Host %q: %d, want %d", host, w.Code, want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Host = "<script>\x1b[31m"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if body := w.Body.String(); strings.ContainsAny(body, "<\x1b") {
		t.Errorf("the answer repeats %q", body)
	}
	all := open(t, t.TempDir(), Options{Hosts: []string{"*"}})
	r.Host = "anything"
	w = httptest.NewRecorder()
	all.Protect(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != http.StatusNotFound {
		t.Errorf("with *: %d", w.Code)
	}
}

func TestProtectOrigin(t *testing.T) {
	i, _, _ := fresh(t)
	h := i.Protect(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for _, tt := range []struct {
		name, method string
		headers      map[string]string
		want         int
	}{
		{"a program", "POST", nil, 418},
		{"our own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8420"}, 418},
		{"another site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}, 403},
		{"another port of this host", "POST", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, 403},
		{"an old browser", "POST", map[string]string{"Origin": "https://evil.example"}, 403},
		{"a sandboxed page", "POST", map[string]string{"Origin": "null"}, 403},
		{"a deletion from another site", "DELETE", map[string]string{"Sec-Fetch-Site": "cross-site"}, 403},
		{"reading from another site", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, 418},
	} {
		r := httptest.NewRequest(tt.method, "http://localhost:8420/steersman/v1/stop", nil)
		for k, v := range tt.headers {
			r.Header.Set(k, v)
		}
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); w.Code != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, w.Code, tt.want)
		}
	}
}

func TestSessionsFileThatIsDamaged(t *testing.T) {
	for _, text := range []string{"", "x", "[]", `{"sessions":{"zz":"2026-03-02T00:00:00Z"}}`, `{"sessions":{"00":"2026-03-02T00:00:00Z"}}`} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, SessionsFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if i := open(t, dir, Options{Now: func() time.Time { return start }}); len(i.sessions) != 0 {
			t.Errorf("%q gives %d sessions", text, len(i.sessions))
		}
	}
}

func FuzzSessionsFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"sessions":{"` + strings.Repeat("ab", 32) + `":"2026-03-02T00:00:00Z"}}`))
	f.Add([]byte(`{"version":1`))
	dir := f.TempDir()
	if _, err := Open(dir, Options{}); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(filepath.Join(dir, SessionsFile), data, 0o600); err != nil {
			t.Fatal(err)
		}
		i := open(t, dir, Options{Now: func() time.Time { return start }})
		for _, until := range i.sessions {
			if !start.Before(until) || until.After(start.Add(SessionFor)) {
				t.Errorf("a session until %v", until)
			}
		}
		if len(i.sessions) > MaxSessions {
			t.Errorf("%d sessions", len(i.sessions))
		}
	})
}

func FuzzCookieAndHost(f *testing.F) {
	f.Add("steersman_session=x", "localhost:8420", "Bearer x")
	f.Add("steersman_session=\"\x00;;=", "[::1", "Bearer")
	i, err := Open(f.TempDir(), Options{})
	if err != nil {
		f.Fatal(err)
	}
	h := i.Protect(http.HandlerFunc(i.Login))
	f.Fuzz(func(t *testing.T, cookie, host, auth string) {
		r := &http.Request{Method: http.MethodGet, Host: host, Header: http.Header{"Cookie": {cookie}}, URL: &url.URL{Path: "/login", RawQuery: cookie}}
		if auth != "" {
			r.Header.Set("Authorization", auth)
		}
		if p, err := i.Authenticate(r); err == nil {
			t.Errorf("%q %q is %+v", cookie, auth, p)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code < 400 {
			t.Errorf("%q %q got %d", cookie, host, w.Code)
		}
	})
}

func TestPersonAsJSON(t *testing.T) {
	b, err := json.Marshal(Person{"ada", "owner"})
	if err != nil || string(b) != `{"name":"ada","role":"owner"}` {
		t.Errorf("%s %v", b, err)
	}
}
