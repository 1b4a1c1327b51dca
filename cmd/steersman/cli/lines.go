package cli

import (
	"fmt"
	"io"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
)

func logLines(c *client) *cobra.Command {
	var service, trace, severity, from, to string
	var limit int
	cmd := &cobra.Command{
		Use:   "lines [QUERY...]",
		Short: "Find log lines",
		Long: `Find log lines, the newest, and print them in the order of time.

The query is words that must all be there: as they are written, in capitals, or
with a capital at the start. "A phrase" in quotes stands together, *part* is
looked for anywhere, field=value looks into a field, and -word must not be there
(write -- before a query that begins with a minus).`,
		Example: `  steersman lines declined --service checkout --from 1h
  steersman lines --trace 4bf92f3577b34da6a3ce929d0e0e4736
  steersman lines --severity error -- -heartbeat 'http.route=/pay'`,
	}
	f := cmd.Flags()
	f.StringVar(&service, "service", "", "only of this service or host: name or namespace/name")
	f.StringVar(&trace, "trace", "", "only of this trace")
	f.StringVar(&severity, "severity", "", "only at least this: trace, debug, info, warn, error, fatal")
	f.StringVar(&from, "from", "", "not before this: a time as RFC 3339, or how long ago, as 15m or 2h")
	f.StringVar(&to, "to", "", "not after this, in the same way")
	f.IntVar(&limit, "limit", 100, "at most so many, the newest")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v := url.Values{"query": {strings.Join(args, " ")}, "service": {service}, "trace": {trace}, "limit": {strconv.Itoa(limit)}}
		if severity != "" {
			v.Set("severity", severity)
		}
		if err := between(v, from, to, time.Now()); err != nil {
			return err
		}
		var out api.Lines
		if err := c.get(cmd.Context(), "/lines?"+v.Encode(), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { printLines(w, &out) })
	}
	return cmd
}

// between adds the ends of a stretch of time to a question.
func between(v url.Values, from, to string, now time.Time) error {
	for name, text := range map[string]string{"from": from, "to": to} {
		at, err := when(text, now)
		if err != nil {
			return fmt.Errorf("--%s: %w", name, err)
		}
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	return nil
}

// when reads a time, or how long ago it was. Nothing is the zero time.
func when(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, fmt.Errorf("%q is neither a time, as 2026-03-01T12:00:00Z, nor how long ago, as 15m", text)
	}
	return at, nil
}

func printLines(w io.Writer, out *api.Lines) {
	if len(out.Lines) == 0 {
		fmt.Fprintln(w, "No such lines.")
	}
	for _, l := range slices.Backward(out.Lines) {
		printLine(w, &l)
	}
	switch {
	case out.TimedOut:
		fmt.Fprintf(w, "The time was over: looked back to %s. Narrow the time with --from and --to.\n", clock(out.Since))
	case out.More:
		fmt.Fprintln(w, "There may be older ones: raise --limit, or set --to.")
	}
}

func printLine(w io.Writer, l *api.Line) {
	say(w, "%s %-5s %s: ", l.At.UTC().Format("2006-01-02 15:04:05.000Z"), l.Severity, short(l.Entity))
	for i, text := range strings.Split(strings.TrimRight(l.Text, "\n"), "\n") {
		if i > 0 {
			fmt.Fprint(w, "\n    | ") // so that a text cannot pass for lines of others
		}
		fmt.Fprint(w, shown(text, ""))
	}
	for name, value := range l.Fields.All() {
		say(w, " %s=%q", name, value)
	}
	if l.Trace != "" {
		say(w, " trace=%s", l.Trace)
	}
	fmt.Fprintln(w)
}
