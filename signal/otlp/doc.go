// Package otlp is the door for OpenTelemetry's protocol.
package otlp
