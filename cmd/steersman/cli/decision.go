package cli

import (
	"fmt"
	"io"
	"net/url"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
)

func decisions(c *client) *cobra.Command {
	var open bool
	list := &cobra.Command{Use: "decision", Short: "What was proposed, who agreed, and what came of it", Args: cobra.NoArgs}
	asJSON := list.PersistentFlags().Bool("json", false, "print JSON")
	list.Flags().BoolVar(&open, "open", false, "only those that are not at their end")
	list.RunE = func(cmd *cobra.Command, _ []string) error {
		var out api.Decisions
		if err := c.get(cmd.Context(), fmt.Sprintf("/decisions?open=%t", open), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			if len(out.Decisions) == 0 {
				fmt.Fprintln(w, "No decisions.")
				return
			}
			fmt.Fprintln(w, "ID\tPROPOSED\tSTATE\tWHAT")
			for _, d := range out.Decisions {
				say(w, "%s\t%s\t%s\t%s\n", d.Proposal.ID, clock(d.Proposal.Created), d.State, d.Proposal.Title)
			}
		})
	}
	list.AddCommand(&cobra.Command{
		Use: "show ID", Short: "One decision, step by step, with its proof", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var d fact.Decision
			if err := c.get(cmd.Context(), "/decisions/"+url.PathEscape(args[0]), &d); err != nil {
				return err
			}
			return printDecision(printer{cmd.OutOrStdout(), *asJSON}, &d)
		},
	})
	for verb, short := range map[string]string{
		"approve": "Agree to a proposal",
		"refuse":  "Refuse a proposal",
		"revert":  "Take back what was done",
	} {
		list.AddCommand(click(c, verb, short, asJSON))
	}
	return list
}

func click(c *client, verb, short string, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{Use: verb + " ID", Short: short, Args: cobra.ExactArgs(1)}
	why := cmd.Flags().String("why", "", "a reason, for the record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		var d fact.Decision
		body := map[string]string{"why": *why}
		if err := c.post(cmd.Context(), "/decisions/"+url.PathEscape(args[0])+"/"+verb, body, &d); err != nil {
			return err
		}
		return printDecision(printer{cmd.OutOrStdout(), *asJSON}, &d)
	}
	return cmd
}

func printDecision(p printer, d *fact.Decision) error {
	return p.object(d, func(w io.Writer) {
		say(w, "%s\n%s\n\n", d.Proposal.Title, d.Proposal.Why)
		say(w, "state\t%s\naction\t%s\nexpected\t%s\n", d.State, d.Proposal.Action, d.Proposal.Expected)
		say(w, "check\t%s %s %.4g for %.0f s within %.0f s\n", d.Proposal.Check.Query, d.Proposal.Check.Op, d.Proposal.Check.Limit, d.Proposal.Check.ForSeconds, d.Proposal.Check.WithinSeconds)
		if d.Verdict != nil {
			fmt.Fprintln(w, "\nRules")
			for _, r := range d.Verdict.Rules {
				mark := "passed"
				if !r.Pass {
					mark = "failed"
				}
				say(w, "  %s\t%s\t%s\n", mark, r.Name, r.Text)
			}
		}
		fmt.Fprintln(w, "\nSteps")
		for _, s := range d.Steps {
			say(w, "  %s\t%s\t%s\t%s\tleaf %d\n", s.At.UTC().Format("15:04:05"), s.State, s.By, s.Why, s.Leaf)
		}
		if d.Outcome != nil {
			say(w, "\nOutcome\t%s\n", d.Outcome.Text)
		}
		if len(d.Proposal.Alternatives) > 0 {
			fmt.Fprintln(w, "\nNot chosen")
		}
		for _, a := range d.Proposal.Alternatives {
			say(w, "  %s\t%s\n", a.Title, a.Why)
		}
	})
}
