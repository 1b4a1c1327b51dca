package cli

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
)

func incidents(c *client) *cobra.Command {
	var state string
	list := &cobra.Command{Use: "incident", Short: "What is wrong, and what was", Args: cobra.NoArgs}
	asJSON := list.PersistentFlags().Bool("json", false, "print JSON")
	list.Flags().StringVar(&state, "state", "", "only open or resolved ones")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var out api.Incidents
		if err := c.get(cmd.Context(), "/incidents?state="+url.QueryEscape(state), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			if len(out.Incidents) == 0 {
				fmt.Fprintln(w, "No incidents.")
				return
			}
			fmt.Fprintln(w, "ID\tSINCE\tSTATE\tWHAT")
			for _, i := range out.Incidents {
				say(w, "%s\t%s\t%s\t%s\n", i.ID, clock(i.Onset), i.State, i.Title)
			}
		})
	}
	list.AddCommand(&cobra.Command{
		Use: "show ID", Short: "One incident, with causes, evidence and what was ruled out", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var i fact.Incident
			if err := c.get(cmd.Context(), "/incidents/"+url.PathEscape(args[0]), &i); err != nil {
				return err
			}
			return printer{cmd.OutOrStdout(), *asJSON}.object(i, func(w io.Writer) { printIncident(w, &i) })
		},
	})
	return list
}

func printIncident(w io.Writer, i *fact.Incident) {
	say(w, "%s\n%s\n\n", i.Title, i.Summary)
	say(w, "state\t%s\nsince\t%s\n", i.State, clock(i.Onset))
	if i.State == fact.Resolved {
		say(w, "until\t%s\n", clock(i.Resolved))
	}
	say(w, "felt at\t%s: %.0f of %.0f requests failed\n", i.Impact.Entity, i.Impact.Failed, i.Impact.Requests)
	fmt.Fprintln(w, "\nCauses")
	for _, k := range i.Causes {
		say(w, "  %s\t%s\n", percent(k.Probability), k.Text)
		printEvidence(w, "for", k.For)
		printEvidence(w, "against", k.Against)
	}
	say(w, "  %s\tnone of these\n", percent(i.Unknown))
	if len(i.RuledOut) > 0 {
		fmt.Fprintln(w, "\nRuled out")
	}
	for _, k := range i.RuledOut {
		say(w, "  %s\t%s\n", k.Entity.Name, k.Text)
	}
	fmt.Fprintln(w, "\nSeen, in order of onset")
	for _, f := range i.Findings {
		say(w, "  %s\t%s\t%s\t%s → %s\n", f.Onset.UTC().Format("15:04:05"), f.Signal.Entity.Name, f.Signal.Name, number(f.Before, f.Signal.Unit), number(f.Now, f.Signal.Unit))
	}
	for _, p := range i.Proposals {
		say(w, "\nProposal\t%s\n", p)
	}
}

func printEvidence(w io.Writer, side string, list []fact.Evidence) {
	for _, e := range list {
		say(w, "\t  %s: %s\n", side, e.Text)
	}
}
