// Package web holds the console, the browser application that people look at
// Steersman through, as the files that its build leaves in dist.
//
// It answers one question: which files make up the console? Serving them, with
// the Content-Security-Policy that they are written for and with index.html in
// the place of every unknown path, is package console/api's.
//
// # Limits
//
// The files are those of the last `npm run build` before the program was
// built. Without one, dist holds nothing but .gitkeep, and [Files] has no
// index.html: the server must say so in words.
package web

import (
	"embed"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Files returns the console's files, index.html at the root. In index.html the
// text __NONCE__ stands where the server writes the nonce of the response.
func Files() fs.FS {
	sub, err := fs.Sub(dist, "dist")
	if err != nil {
		panic("console/web: the embedded dist is gone: " + err.Error()) // the go:embed line above makes this impossible
	}
	return sub
}
