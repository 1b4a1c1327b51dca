// Package steersman is the root of the house: it holds the tests of the floor
// plan and no code. Start at docs/FLOORPLAN.md, or at cmd/steersman.
package steersman
