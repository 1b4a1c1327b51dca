package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/cli"
	"github.com/steersman-ops/steersman/trial/limits"
)

func trials() *cobra.Command {
	cmd := &cobra.Command{Use: "trial", Short: "Reproduce the numbers that we claim"}
	cmd.AddCommand(trialLimits())
	return cmd
}

func trialLimits() *cobra.Command {
	var opt limits.Options
	cmd := &cobra.Command{
		Use:   "limits",
		Short: "Put this Steersman under what it must bear, and see whom that hurts",
		Long: `Start a Steersman under a ceiling on memory, with one steady sender and one bad
one, which sends millions of new label sets, bombs, bodies that never end and ten
times its usual. Say what became of the steady one. Exits with 1 if a promise was
not kept. It wants a machine that does nothing else.`,
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&opt.Memory, "memory", "1GiB", "ceiling on memory")
	f.DurationVar(&opt.Phase, "phase", time.Minute, "how long each of the six phases lasts")
	asJSON := f.Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) (err error) {
		if opt.Binary, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program, to start it: %w", err)
		}
		if opt.Dir, err = os.MkdirTemp("", "steersman-limits"); err != nil {
			return err
		}
		defer os.RemoveAll(opt.Dir) //nolint:errcheck // a temporary folder
		report, err := limits.Run(cmd.Context(), opt)
		if err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			err = enc.Encode(report)
		} else {
			err = tellLimits(cmd.OutOrStdout(), &report)
		}
		if err == nil && !report.Kept() {
			return cli.Exit(1)
		}
		return err
	}
	return cmd
}

func tellLimits(w io.Writer, r *limits.Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "phase\tsent\trefused\tmedian\tp99\tmemory\tthe bad source\n")
	for _, p := range r.Phases {
		fmt.Fprintf(t, "%s\t%d\t%d\t%v\t%v\t%d MiB\t%s\n", p.Name, p.Sent, p.Refused, p.Median.Round(100*time.Microsecond), p.P99.Round(100*time.Microsecond), p.Resident>>20, p.Bad)
	}
	fmt.Fprintln(t)
	for _, p := range r.Promises {
		kept := "kept"
		if !p.Kept {
			kept = "NOT KEPT"
		}
		fmt.Fprintf(t, "%s\t%s: %s\n", kept, p.What, p.Seen)
	}
	return t.Flush()
}
