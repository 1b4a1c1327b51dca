//go:build race

package remotewrite

const raceDetector = true
