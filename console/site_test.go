package console

import (
	"io"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

var files = fstest.MapFS{
	"index.html":       {Data: []byte(`<meta name="csp-nonce" content="__NONCE__">`)},
	"assets/app-1.js":  {Data: []byte("app")},
	"color-scheme.js":  {Data: []byte("scheme")},
	"assets/deep/x.js": {Data: []byte("x")},
}

func TestSite(t *testing.T) {
	for _, tt := range []struct {
		name, method, path string
		status             int
		body, cache        string
	}{
		{name: "root is the page", method: "GET", path: "/", status: 200, body: "csp-nonce", cache: "no-store"},
		{name: "the page by its name", method: "GET", path: "/index.html", status: 200, body: "csp-nonce", cache: "no-store"},
		{name: "a place in the console is the page", method: "GET", path: "/incidents/inc-1", status: 200, body: "csp-nonce", cache: "no-store"},
		{name: "a hashed file is kept for good", method: "GET", path: "/assets/app-1.js", status: 200, body: "app", cache: "public, max-age=31536000, immutable"},
		{name: "another file is not", method: "GET", path: "/color-scheme.js", status: 200, body: "scheme"},
		{name: "a folder is not listed", method: "GET", path: "/assets/", status: 200, body: "csp-nonce", cache: "no-store"},
		{name: "no way out of the folder", method: "GET", path: "/../../etc/passwd", status: 200, body: "csp-nonce", cache: "no-store"},
		{name: "nothing is changed here", method: "POST", path: "/", status: 405, body: "only GET"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Site(files).ServeHTTP(w, httptest.NewRequest(tt.method, tt.path, nil))
			body, _ := io.ReadAll(w.Result().Body)
			if w.Code != tt.status || !strings.Contains(string(body), tt.body) || w.Header().Get("Cache-Control") != tt.cache {
				t.Errorf("%s %s = %d, Cache-Control %q, %q; want %d, %q, %q", tt.method, tt.path, w.Code, w.Header().Get("Cache-Control"), body, tt.status, tt.cache, tt.body)
			}
		})
	}
}

func TestEachPageHasItsOwnNonce(t *testing.T) {
	seen := make(map[string]bool)
	for range 3 {
		w := httptest.NewRecorder()
		Site(files).ServeHTTP(w, httptest.NewRequest("GET", "/map", nil))
		in := regexp.MustCompile(`content="([A-Z2-7]{26})"`).FindStringSubmatch(w.Body.String())
		if in == nil {
			t.Fatalf("page has no nonce: %s", w.Body)
		}
		policy := w.Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "style-src 'self' 'nonce-"+in[1]+"'") {
			t.Errorf("policy %q does not name the page's nonce %s", policy, in[1])
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("policy %q has a hole", policy)
		}
		seen[in[1]] = true
	}
	if len(seen) != 3 {
		t.Errorf("three pages had %d nonces", len(seen))
	}
}

func TestBuiltWithoutConsole(t *testing.T) {
	w := httptest.NewRecorder()
	Site(fstest.MapFS{}).ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	if w.Code != 404 || !strings.Contains(w.Body.String(), "make build") {
		t.Errorf("answer %d %q does not say how to build it", w.Code, w.Body)
	}
}
