// Package remotewrite is the door for Prometheus remote write 1.0.
package remotewrite
