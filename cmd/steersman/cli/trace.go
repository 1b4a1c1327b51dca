package cli

import (
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
)

func trace(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "trace ID",
		Short: "Show a trace: who called whom, when, and for how long, and what was logged",
		Long: `Show the spans of a trace as a tree: each below the one that caused it, with its
offset from the start of the trace, its duration, its service and operation.
Failed ones are marked. Below are the log lines of the trace.`,
		Example: "  steersman trace 4bf92f3577b34da6a3ce929d0e0e4736",
		Args:    cobra.ExactArgs(1),
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var out api.Trace
		if err := c.get(cmd.Context(), "/traces/"+url.PathEscape(args[0]), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { printTrace(w, &out) })
	}
	return cmd
}

func printTrace(w io.Writer, t *api.Trace) {
	if len(t.Spans) == 0 {
		return
	}
	first, end, services, failed := t.Spans[0].Start, t.Spans[0].End, make(map[string]bool), 0
	for i := range t.Spans {
		s := &t.Spans[i]
		services[short(s.Entity)] = true
		if s.End.After(end) {
			end = s.End
		}
		if s.Failed {
			failed++
		}
	}
	say(w, "Trace %s: %d spans of %d services, %s from %s, %d failed\n", t.Trace, len(t.Spans), len(services), took(end.Sub(first)), first.UTC().Format("2006-01-02 15:04:05.000Z"), failed)
	for _, b := range tree(t.Spans) {
		s := b.span
		caller := ""
		if b.lost {
			caller = "  (its caller is not here)"
		}
		say(w, "+%s\t%s\t%s%s: %s%s%s%s\n", took(s.Start.Sub(first)), took(s.End.Sub(s.Start)), strings.Repeat("  ", min(b.depth, mostDepth)), short(s.Entity), s.Name, called(s), mark(s), caller)
	}
	if t.More {
		fmt.Fprintln(w, "It has more spans than these.")
	}
	if len(t.Lines) > 0 {
		fmt.Fprintln(w, "\nLog lines:")
	}
	for i := range t.Lines {
		t.Lines[i].Trace = "" // it is said above
		printLine(w, &t.Lines[i])
	}
	if t.MoreLines {
		say(w, "There are earlier ones: steersman lines --trace %s\n", t.Trace)
	}
}

// mostDepth is how far a span is indented at most.
const mostDepth = 40

// A branch is a span's place in the tree.
type branch struct {
	span  *api.Span
	depth int
	lost  bool // it has a parent, which is not here
}

// tree returns each span once, below its parent, those of one parent in the
// order in which they come. A span whose parents go round in a ring begins a
// tree of its own.
func tree(list []api.Span) []branch {
	here, below := make(map[string]bool), make(map[string][]int)
	for i := range list {
		here[list[i].Span] = true
		below[list[i].Parent] = append(below[list[i].Parent], i)
	}
	out := make([]branch, 0, len(list))
	seen := make([]bool, len(list))
	grow := func(root int) {
		type place struct{ i, depth int }
		for open := []place{{root, 0}}; len(open) > 0; {
			at := open[len(open)-1]
			open = open[:len(open)-1]
			if seen[at.i] {
				continue
			}
			seen[at.i] = true
			s := &list[at.i]
			out = append(out, branch{s, at.depth, s.Parent != "" && !here[s.Parent]})
			children := below[s.Span]
			for j := len(children) - 1; j >= 0; j-- {
				open = append(open, place{children[j], at.depth + 1})
			}
		}
	}
	for i := range list {
		if list[i].Parent == "" || !here[list[i].Parent] {
			grow(i)
		}
	}
	for i := range list { // what is left are rings
		if !seen[i] {
			grow(i)
		}
	}
	return out
}
