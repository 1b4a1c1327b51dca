package cli

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/console/api"
)

func sources(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use: "source", Short: "Who sends data, how much of it was refused and why, and how to connect one", Args: cobra.NoArgs,
	}
	asJSON := cmd.PersistentFlags().Bool("json", false, "print JSON")
	list := &cobra.Command{Use: "list", Short: "All sources", Args: cobra.NoArgs}
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var out api.Sources
		if err := c.get(cmd.Context(), "/sources", &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { printSources(w, out) })
	}
	cmd.RunE = list.RunE
	cmd.AddCommand(list, sourceShow(c, asJSON), sourceAdd(c, asJSON), sourceRemove(c, asJSON), sourceConnect(c, asJSON), sourceContract(c, asJSON))
	return cmd
}

func printSources(w io.Writer, out api.Sources) {
	for _, text := range out.Warnings {
		say(w, "Warning: %s\n", text)
	}
	if len(out.Sources) == 0 {
		fmt.Fprintln(w, "Nobody sends data. `steersman source connect` says how.")
		return
	}
	for _, s := range out.Sources {
		if s.Reading != nil && s.Reading.Trouble != "" {
			say(w, "Warning: %s\n", s.Reading.Trouble)
		}
	}
	fmt.Fprintln(w, "SOURCE\tLAST SEEN\tA SECOND\tACCEPTED\tREFUSED\tWHY\tSET ASIDE\tLAG\tQUALITY")
	for _, s := range out.Sources {
		why := ""
		if len(s.Refusals) > 0 {
			why = s.Refusals[0].Reason
		}
		name := s.Name
		if s.Named {
			name += " (token)"
		}
		say(w, "%s\t%s\t%.4g\t%d\t%d\t%s\t%d\t%s\t%s\n", name, clock(s.LastSeen), s.PerSecond, s.Accepted, s.Refused, why, s.Quarantined, lag(s.LagSeconds), score(&s))
	}
}

func score(s *api.Source) string {
	if !s.Judged {
		return "-"
	}
	return fmt.Sprintf("%.2f", s.Score)
}

func lag(seconds float64) string {
	if seconds == 0 {
		return "-"
	}
	return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
}

func sourceShow(c *client, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "show NAME", Short: "One source: what came of what it sent", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var s api.Source
			if err := c.get(cmd.Context(), "/sources/"+url.PathEscape(args[0]), &s); err != nil {
				return err
			}
			return printer{cmd.OutOrStdout(), *asJSON}.object(s, func(w io.Writer) { printSource(w, &s) })
		},
	}
}

func printSource(w io.Writer, s *api.Source) {
	say(w, "%s\n\n", s.Name)
	switch {
	case s.Reading != nil:
		printReading(w, s.Reading)
	case s.Configured:
		say(w, "token\tin the configuration file\n")
	case s.Named:
		say(w, "token\tsince %s\n", clock(s.Added))
	default:
		say(w, "token\tnone; its name is what the data says\n")
	}
	if s.Sender != "" {
		say(w, "sender\t%s\n", s.Sender)
	}
	say(w, "last seen\t%s\nfirst seen\t%s\na second\t%.4g items over the last minute\nlag\t%s\nseries\t%d\n", clock(s.LastSeen), clock(s.FirstSeen), s.PerSecond, lag(s.LagSeconds), s.Series)
	say(w, "received\t%d\naccepted\t%d\nrefused\t%d\nset aside\t%d of the samples since the start\n", s.Received, s.Accepted, s.Refused, s.Quarantined)
	for _, l := range []struct {
		what string
		n    int
	}{{"bytes a second", s.Limits.BytesPerSecond}, {"items a second", s.Limits.ItemsPerSecond}, {"series", s.Limits.Series}, {"new series a minute", s.Limits.NewSeriesPerMinute}, {"requests at a time", s.Limits.Bodies}} {
		if l.n > 0 {
			say(w, "limit\t%d %s\n", l.n, l.what)
		}
	}
	if s.Reading != nil {
		printLeft(w, s.Reading.Left)
	}
	printRefusals(w, "Refused", s.Refusals)
	printRefusals(w, "Set aside", s.SetAside)
	printSteps(w, s)
}

func printSteps(w io.Writer, s *api.Source) {
	if !s.Judged {
		return
	}
	say(w, "\nquality\t%s %s\nSTEP\tSEEN\tFLAGGED\tLATELY\tCHANGED\n", score(s), s.Why)
	for _, st := range s.Steps {
		say(w, "%s\t%d\t%d\t%.3g %%\t%d\n", st.Step, st.Seen, st.Flagged, 100*st.Share, st.Changed)
	}
}

// printReading says of an API that is read how that stands.
func printReading(w io.Writer, r *api.Reading) {
	say(w, "reads\t%s\nstate\t%s\n", r.URL, r.State)
	if r.Trouble != "" {
		say(w, "trouble\t%s\n", r.Trouble)
	}
	if !r.Looked.IsZero() {
		say(w, "watched\t%d of %d series: %d metrics of %d jobs, chosen %s\n", r.Watched, r.Exist, r.Metrics, r.Jobs, clock(r.Looked))
	}
	if r.Behind > 0 {
		say(w, "history\tto be read of %d series\n", r.Behind)
	}
	if !r.UpTo.IsZero() {
		say(w, "read up to\t%s\n", clock(r.UpTo))
	}
	say(w, "queries\t%d in the last minute, of %d\nbytes\t%s in the last minute, of %s\n", r.Queries, r.QueriesPerMinute, mebibytes(r.Bytes), mebibytes(r.BytesPerMinute))
}

func mebibytes(n int64) string { return fmt.Sprintf("%.3g MiB", float64(n)/(1<<20)) }

func printLeft(w io.Writer, list []api.ReadingLeft) {
	if len(list) > 0 {
		fmt.Fprint(w, "\nNot read\n")
	}
	for _, l := range list {
		say(w, "  %d\t%s\t%d metrics\t%s\n", l.Series, l.Reason, l.Metrics, strings.Join(l.Examples, ", "))
	}
}

func printRefusals(w io.Writer, title string, list []api.SourceRefusal) {
	if len(list) > 0 {
		fmt.Fprintf(w, "\n%s\n", title)
	}
	for _, r := range list {
		say(w, "  %d\t%s\t%s\t%s\n", r.Count, r.Reason, clock(r.At), r.Text)
	}
}

func sourceAdd(c *client, asJSON *bool) *cobra.Command {
	var in api.NewSource
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Give a source a name and a token",
		Long: `Give a source a name and a token, and print how to connect it.

The token is printed once; Steersman keeps only its digest. Whatever is sent with
it is counted under this name, and limited by it.`,
		Example: "  steersman source add shop-collector --kind collector --items-per-second 50000",
		Args:    cobra.ExactArgs(1),
	}
	f := cmd.Flags()
	f.StringVar(&in.Sender, "kind", "", "what it is: otel, collector, prometheus, alertmanager, github, gitlab, cloudevents or change")
	f.IntVar(&in.Limits.BytesPerSecond, "bytes-per-second", 0, "bytes of requests that it may send (0: its fair share)")
	f.IntVar(&in.Limits.ItemsPerSecond, "items-per-second", 0, "samples, spans, lines and changes that it may send")
	f.IntVar(&in.Limits.Series, "series", 0, "series that it may have at a time")
	f.IntVar(&in.Limits.NewSeriesPerMinute, "new-series-per-minute", 0, "series that it may make anew")
	f.IntVar(&in.Limits.Bodies, "bodies", 0, "requests that it may have in flight")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		in.Name = args[0]
		var out api.AddedSource
		if err := c.post(cmd.Context(), "/sources", in, &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			say(w, "Source %s has the token\n\n%s\n\nwhich is not shown again.", out.Name, out.Token)
			fmt.Fprintf(w, " %s\n\n%s", out.Connect.Where, shown(out.Connect.Text, "\n"))
		})
	}
	return cmd
}

func sourceRemove(c *client, asJSON *bool) *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Take a source's token away: what it sends is refused", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var out api.Source
			if err := c.call(cmd.Context(), http.MethodDelete, api.Prefix+"/sources/"+url.PathEscape(args[0]), nil, &out, true); err != nil {
				return err
			}
			return printer{cmd.OutOrStdout(), *asJSON}.object(map[string]string{"removed": args[0]}, func(w io.Writer) {
				say(w, "Source %s has no token any more; what it sends with it is refused.\n", args[0])
			})
		},
	}
}

func sourceConnect(c *client, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect [NAME] [--kind KIND]",
		Short: "Print what connects a sender when it is pasted",
		Long: `Print what connects a sender when it is pasted: as the source NAME, or without a
name where no token is wanted. Steersman does not know the tokens, so give it one
with --token-env or --token-file; otherwise TOKEN stands in its place.`,
		Example: "  steersman source connect --kind prometheus\n  steersman source connect shop --token-file shop.token",
		Args:    cobra.MaximumNArgs(1),
	}
	kind := cmd.Flags().String("kind", "", "otel, collector, prometheus, alertmanager, github, gitlab, cloudevents or change")
	var token config.Secret
	cmd.Flags().StringVar(&token.Env, "token-env", "", "environment variable that holds the token")
	cmd.Flags().StringVar(&token.File, "token-file", "", "file that holds the token")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		secret, err := token.Read()
		if err != nil {
			return err
		}
		q := url.Values{"kind": {*kind}}
		if len(args) == 1 {
			var s api.Source
			if err := c.get(cmd.Context(), "/sources/"+url.PathEscape(args[0]), &s); err != nil {
				return err
			}
			if s.Named {
				q.Set("source", args[0])
			}
		}
		var out api.Snippet
		if err := c.get(cmd.Context(), "/connect?"+q.Encode(), &out); err != nil {
			return err
		}
		if secret != "" && out.Token != "" {
			out.Text, out.Token = strings.ReplaceAll(out.Text, out.Token, secret), ""
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			fmt.Fprintf(w, "# %s\n%s", out.Where, shown(out.Text, "\n"))
			if out.Token != "" {
				fmt.Fprintf(cmd.ErrOrStderr(), "steersman: put the token of the source where %s stands, or give it with --token-env or --token-file\n", out.Token)
			}
		})
	}
	return cmd
}
