package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/fact"
)

func sourceContract(c *client, asJSON *bool) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contract NAME [--approve]",
		Short: "What a source should send, and how it does not",
		Long: `Print what a source should send: the contract that a person has agreed to, with how
it was not kept, or else the one that follows from what it has sent.

With --approve the one that follows from what it has sent is agreed to; with --file
one that was printed as JSON and changed.`,
		Example: "  steersman source contract shop\n  steersman source contract shop --approve\n  steersman source contract shop --json > shop.json   # take .inferred, change it\n  steersman source contract shop --approve --file shop.json",
		Args:    cobra.ExactArgs(1),
	}
	approve := cmd.Flags().Bool("approve", false, "agree to it")
	file := cmd.Flags().String("file", "", "with --approve: the contract to agree to, as JSON")
	why := cmd.Flags().String("why", "", "for the record")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *file != "" && !*approve {
			return fmt.Errorf("--file is for --approve")
		}
		var out api.SourceContract
		if err := c.get(cmd.Context(), contractPath(args[0]), &out); err != nil {
			return err
		}
		if *approve {
			agreed, err := c.agree(cmd.Context(), args[0], out.Inferred, out.Early, *file, *why)
			if err != nil {
				return err
			}
			out.Agreed, out.Breaches = agreed, nil
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { printContract(w, args[0], &out) })
	}
	return cmd
}

func contractPath(source string) string { return "/sources/" + url.PathEscape(source) + "/contract" }

// agree agrees to the contract in the file, or without one to the inferred one.
func (c *client) agree(ctx context.Context, source string, inferred *fact.Contract, early, file, why string) (*fact.Contract, error) {
	if file != "" {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		inferred = new(fact.Contract)
		dec := json.NewDecoder(strings.NewReader(string(b)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(inferred); err != nil {
			return nil, fmt.Errorf("read the contract in %s: %w", file, err)
		}
	}
	if inferred == nil {
		return nil, Found{early}
	}
	agreed := new(fact.Contract)
	return agreed, c.call(ctx, http.MethodPut, api.Prefix+contractPath(source), api.Agreement{Contract: *inferred, Why: why}, agreed, true)
}

func printContract(w io.Writer, source string, out *api.SourceContract) {
	c := out.Agreed
	switch {
	case c != nil:
		say(w, "%s is held to this contract, to which %s agreed on %s.\n", source, c.By, clock(c.Agreed))
	case out.Inferred != nil:
		c = out.Inferred
		say(w, "Nobody has agreed to a contract with %s. This one follows from what it has sent; --approve agrees to it.\n", source)
	default:
		say(w, "%s\n", out.Early)
		return
	}
	say(w, "\nsends\tevery %g s; after %g s it is silent\nseries\tat most %d\n\n", c.EverySeconds, c.SilentSeconds, c.Series)
	fmt.Fprintln(w, "METRIC\tTYPE\tUNIT\tRANGE\tSTEP\tSERIES\tNULLS")
	for i := range c.Metrics {
		m := &c.Metrics[i]
		span := "-"
		if m.Low != nil && m.High != nil {
			span = fmt.Sprintf("%.6g to %.6g", *m.Low, *m.High)
		}
		say(w, "%s\t%s\t%s\t%s\t%g s\t%d\t%.3g %%\n", m.Name, m.Type, m.Unit, span, m.StepSeconds, m.Series, 100*m.Nulls)
	}
	if c.More > 0 {
		say(w, "and %d more metrics, which are not in it\n", c.More)
	}
	if len(out.Breaches) > 0 {
		fmt.Fprintf(w, "\nNot kept\nCLAUSE\tMETRIC\tTIMES\tLAST\t\n")
	}
	for _, b := range out.Breaches {
		say(w, "%s\t%s\t%d\t%s\t%s\n", b.Clause, b.Metric, b.Count, clock(b.Last), b.Text)
	}
}
