// Package cli holds the commands that ask a running Steersman, or files, and
// print what they learn: incident, decision, lines, spans, trace, change, source, audit, stop, config.
//
// It answers one question: how is a paper printed? People get text, programs
// get the paper's JSON with --json. Nothing here decides: approving is a
// request like the console's.
//
// # Exit codes
//
// 0: fine. 1: something was found, or refused (see [Found]). 2: it could not
// run.
package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
)

// Found is an error that means exit code 1: the command ran, and what it
// looked for is there, or what it asked for was refused.
type Found struct{ Text string }

func (f Found) Error() string { return f.Text }

// Exit is an error that stands for an exit code and has been explained
// already, by the process that ended with it.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("ended with exit code %d", int(e)) }

// Code returns the exit code that err stands for.
func Code(err error) int {
	var f Found
	var e Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		return int(e)
	case errors.As(err, &f):
		return 1
	}
	return 2
}

// Commands returns the commands of this package.
func Commands() []*cobra.Command {
	var c client
	cmds := []*cobra.Command{incidents(&c), decisions(&c), change(&c), logLines(&c), searchSpans(&c), trace(&c), stop(&c), resume(&c), login(&c), takeBackup(&c), restore(&c), sources(&c)}
	for _, cmd := range cmds {
		c.flags(cmd)
	}
	return append(cmds, audit(&c), configuration())
}

// A printer writes for people or for programs.
type printer struct {
	w    io.Writer
	json bool
}

// jsonFlag adds --json to a command.
func jsonFlag(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("json", false, "print JSON")
}

// object prints v as JSON, or calls text with a table writer.
func (p printer) object(v any, text func(w io.Writer)) error {
	if p.json {
		enc := json.NewEncoder(p.w)
		enc.SetIndent("", "  ")
		return enc.Encode(v)
	}
	tw := tabwriter.NewWriter(harmless{p.w}, 0, 8, 2, ' ', 0)
	text(tw)
	return tw.Flush()
}

// harmless keeps what senders wrote into names and notes from steering the
// terminal: every control character but newline and tab is shown as "?".
type harmless struct{ w io.Writer }

func (h harmless) Write(p []byte) (int, error) {
	if _, err := io.WriteString(h.w, shown(string(p), "\n\t")); err != nil {
		return 0, err
	}
	return len(p), nil
}

// shown replaces what would steer a terminal or turn the direction of writing,
// except for what is in keep.
func shown(s, keep string) string {
	return strings.Map(func(r rune) rune {
		if (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r)) && !strings.ContainsRune(keep, r) {
			return '?'
		}
		return r
	}, s)
}

// say is fmt.Fprintf for papers: a text in them stays on its line and in its
// column, so that a name cannot pass for lines of ours.
func say(w io.Writer, format string, args ...any) {
	for i, a := range args {
		switch v := a.(type) {
		case fmt.Stringer:
			args[i] = shown(v.String(), "")
		default:
			if r := reflect.ValueOf(a); r.Kind() == reflect.String {
				args[i] = shown(r.String(), "")
			}
		}
	}
	fmt.Fprintf(w, format, args...)
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05Z")
}

func percent(x float64) string { return fmt.Sprintf("%.0f %%", 100*x) }

// number prints a value with the digits that matter.
func number(x float64, unit string) string {
	switch unit {
	case "ratio":
		return fmt.Sprintf("%.1f %%", 100*x)
	case "seconds":
		return time.Duration(x * float64(time.Second)).Round(100 * time.Microsecond).String()
	}
	return strings.TrimSpace(fmt.Sprintf("%.4g %s", x, unit))
}
