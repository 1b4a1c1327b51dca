// Package director runs the demo: it starts the shop and its users, breaks
// things, and watches what Steersman makes of it.
//
// It answers one question: does Steersman, seen from outside, do what it
// promises on a live system? It knows only the public doors: OTLP and remote
// write, through which the shop tells about itself, /hooks/change, the API
// under /steersman/v1, and the command `steersman audit verify`.
//
// # Method
//
// [NewPlan] finds free ports, so that Steersman can be configured with
// [Plan.YAML] and started first. Then [Run] plays the story for a person, with
// captions, and [Check] plays it for a machine: a list of beats, each with a
// deadline and a verdict.
//
// # Limits
//
// Everything is on loopback and ends with the director, also when it is
// killed. Deadlines are for an idle machine with two cores; Patience stretches
// them. Figures vary between runs, as the shop's processes are real.
package director

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// A Config says how to run the demo.
type Config struct {
	Plan    *Plan  // required
	Token   string // the owner's token of Steersman
	DataDir string // Steersman's data directory, of whose ledger a copy is checked
	Binary  string // path of the steersman program

	Rate     float64 // requests per second; 0 means 60
	Seed     uint64
	Patience float64       // by which deadlines are stretched; 0 means 1
	Quiet    time.Duration // how long the quiet beat lasts; 0 means 60 s
	Restart  bool          // include the beat in which a process is restarted
	Faults   []Injection   // for Run: instead of the story
	NoStory  bool          // for Run: the shop and its users, nothing more

	Out    io.Writer    // captions and results
	Logger *slog.Logger // what goes wrong on the way
	Output io.Writer    // what the services say; nil discards it

	// Service is how the Binary is told to be a service; nil means
	// demo-service. Environment is added to the services' environment.
	Service     []string
	Environment []string
}

func (c Config) filled() (Config, error) {
	if c.Plan == nil || c.Binary == "" {
		return Config{}, errors.New("director: a plan and the path of the program are needed")
	}
	if c.Rate == 0 {
		c.Rate = 60
	}
	if c.Patience <= 0 {
		c.Patience = 1
	}
	if c.Quiet <= 0 {
		c.Quiet = time.Minute
	}
	if c.Service == nil {
		c.Service = []string{"demo-service"}
	}
	if c.Out == nil {
		c.Out = io.Discard
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Run plays the demo for a person until ctx ends, which is no error.
func Run(ctx context.Context, cfg Config) error {
	cfg, err := cfg.filled()
	if err != nil {
		return err
	}
	s, err := openStage(ctx, cfg)
	if err != nil {
		return err
	}
	defer s.close()
	err = s.tell(ctx)
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// Check plays all beats, prints one line for each and a last line with the
// totals, and returns them. The error is for what kept it from playing at all.
func Check(ctx context.Context, cfg Config) (passed, failed int, err error) {
	cfg, err = cfg.filled()
	if err != nil {
		return 0, 0, err
	}
	s, err := openStage(ctx, cfg)
	if err != nil {
		return 0, 0, err
	}
	defer s.close()
	for _, b := range s.beats() {
		switch good := s.play(ctx, b); {
		case ctx.Err() != nil:
			return passed, failed, fmt.Errorf("director: stopped during %q: %w", b.name, ctx.Err())
		case good:
			passed++
		default:
			failed++
		}
	}
	fmt.Fprintf(cfg.Out, "%d passed, %d failed\n", passed, failed)
	return passed, failed, nil
}
