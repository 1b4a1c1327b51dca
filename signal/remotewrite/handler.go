package remotewrite

import (
	"net/http"

	"github.com/steersman-ops/steersman/signal"
)

// NewHandler serves POST /api/v1/write, at whatever path it is mounted.
func NewHandler(d *signal.Doors) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		signal.WriteRefusal(w, signal.Refuse(signal.Unsupported, "", "remote write is not taken yet", ""))
	})
}
