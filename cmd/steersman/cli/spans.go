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
	"github.com/steersman-ops/steersman/fact"
)

func searchSpans(c *client) *cobra.Command {
	var service, operation, from, to string
	var failed bool
	var least time.Duration
	var limit int
	cmd := &cobra.Command{
		Use:   "spans [QUERY...]",
		Short: "Find spans",
		Long: `Find spans, the newest, and print them in the order of their start.

The query is words that must all be in the operation's name: as they are
written, in capitals, or with a capital at the start. "A phrase" in quotes stands
together, *part* is looked for anywhere, attribute=value looks into an attribute
(kind, peer, instance and version too), and -word must not be there (write --
before a query that begins with a minus).`,
		Example: `  steersman spans --service checkout --failed --from 1h
  steersman spans --min 500ms kind=server 'http.route=/pay'
  steersman spans --operation 'POST /pay'`,
	}
	f := cmd.Flags()
	f.StringVar(&service, "service", "", "only of this service: name or namespace/name")
	f.StringVar(&operation, "operation", "", "only of this name, whole")
	f.BoolVar(&failed, "failed", false, "only those that failed")
	f.DurationVar(&least, "min", 0, "only those that took so long or longer, as 250ms")
	f.StringVar(&from, "from", "", "not begun before this: a time as RFC 3339, or how long ago, as 15m or 2h")
	f.StringVar(&to, "to", "", "not begun after this, in the same way")
	f.IntVar(&limit, "limit", 100, "at most so many, the newest")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		v := url.Values{"query": {strings.Join(args, " ")}, "service": {service}, "operation": {operation}, "limit": {strconv.Itoa(limit)}, "failed": {strconv.FormatBool(failed)}}
		if least != 0 {
			v.Set("min", least.String())
		}
		if err := between(v, from, to, time.Now()); err != nil {
			return err
		}
		var out api.Spans
		if err := c.get(cmd.Context(), "/spans?"+v.Encode(), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { printSpans(w, &out) })
	}
	return cmd
}

func printSpans(w io.Writer, out *api.Spans) {
	if len(out.Spans) == 0 {
		fmt.Fprintln(w, "No such spans.")
		return
	}
	for _, s := range slices.Backward(out.Spans) {
		say(w, "%s  %s\t%s: %s%s%s\ttrace=%s\n", s.Start.UTC().Format("2006-01-02 15:04:05.000Z"), took(s.End.Sub(s.Start)), short(s.Entity), s.Name, called(&s), mark(&s), s.Trace)
	}
	switch {
	case out.TimedOut:
		fmt.Fprintf(w, "The time was over: looked back to %s. Narrow the time with --from and --to.\n", clock(out.Since))
	case out.More:
		fmt.Fprintln(w, "There may be older ones: raise --limit, or set --to.")
	}
}

// short is an entity as people call it.
func short(e fact.Entity) string {
	if e.Namespace != "" {
		return e.Namespace + "/" + e.Name
	}
	return e.Name
}

// called says whom a client called.
func called(s *api.Span) string {
	if s.Peer == "" {
		return ""
	}
	return " → " + s.Peer
}

func mark(s *api.Span) string {
	if s.Failed {
		return "  FAILED"
	}
	return ""
}

// took is a duration with three digits that matter, or whole seconds.
func took(d time.Duration) string {
	unit := time.Duration(1)
	for d >= 1000*unit && unit < time.Second {
		unit *= 10
	}
	return d.Round(unit).String()
}
