package identity

import (
	"net"
	"net/http"
	"strings"
)

// Protect wraps a handler so that it is reached only by requests that a
// browser of the owner, or a program, may send: under a known Host, and not
// changing anything from another origin.
func (i *Identity) Protect(next http.Handler) http.Handler {
	inside := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !i.knownHost(r.Host) {
			http.Error(w, "This server is not known under the name "+printable(r.Host)+"; add it to hosts in the configuration if it should be.", http.StatusMisdirectedRequest)
			return
		}
		inside.ServeHTTP(w, r)
	})
}

// knownHost reports whether host, as a client gave it, is a name of this
// server.
func (i *Identity) knownHost(host string) bool {
	if i.all {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	return i.hosts[strings.ToLower(strings.TrimSuffix(name, "."))]
}

// printable keeps what a stranger sent from meaning anything to whoever reads
// the answer.
func printable(s string) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || strings.ContainsRune(`<>&"'`, r) {
			return '?'
		}
		return r
	}, s)
	return clean[:min(len(clean), 100)]
}
