package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
	"github.com/steersman-ops/steersman/store/ledger"
)

func audit(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "audit", Short: "The ledger: what was decided and done, and the proof"}
	c.flags(cmd)
	cmd.AddCommand(auditShow(c), auditVerify(c))
	return cmd
}

func auditShow(c *client) *cobra.Command {
	cmd := &cobra.Command{Use: "show", Short: "Print entries of the ledger", Args: cobra.NoArgs}
	from := cmd.Flags().Int64("from", 0, "index of the first entry")
	limit := cmd.Flags().Int("limit", 50, "how many")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out api.Audit
		if err := c.get(cmd.Context(), fmt.Sprintf("/audit?from=%d&limit=%d", *from, *limit), &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			fmt.Fprintln(w, "LEAF\tAT\tKIND\tKEY\tHASH")
			for _, l := range out.Leaves {
				say(w, "%d\t%s\t%s\t%s\t%.16s\n", l.Index, clock(l.At), l.Kind, l.Key, l.Hash)
			}
			fmt.Fprintf(w, "\n%s", out.Checkpoint)
		})
	}
	return cmd
}

func auditVerify(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the ledger from its files and report every edit",
		Long: `Recompute the ledger from its files, without a server, and report every edit,
deletion, reordering and truncation. Exit code 1 if there is any.

An attacker who holds the signing key can sign a shorter or a rewritten ledger.
Keep a checkpoint elsewhere (the text at the end of "audit show") and give it as
--known, and the public key as --key: then that is found as well.`,
		Args: cobra.NoArgs,
	}
	dir := cmd.Flags().String("dir", "", "the ledger folder (default: ledger in the data folder)")
	known := cmd.Flags().String("known", "", "file with a checkpoint that was kept elsewhere")
	key := cmd.Flags().String("key", "", "public key that must have signed, as key.pub had it when it was kept elsewhere")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *dir == "" {
			*dir = filepath.Join(c.dataDir, "ledger")
		}
		opt := ledger.VerifyOptions{VerifierKey: *key, Settle: 2 * time.Second}
		if *known != "" {
			b, err := os.ReadFile(*known)
			if err != nil {
				return fmt.Errorf("read the known checkpoint: %w", err)
			}
			opt.Known = string(b)
		}
		return verify(printer{cmd.OutOrStdout(), *asJSON}, *dir, opt)
	}
	return cmd
}

func verify(p printer, dir string, opt ledger.VerifyOptions) error {
	report, err := ledger.Verify(dir, opt)
	if err != nil {
		return err
	}
	err = p.object(report, func(w io.Writer) {
		for _, x := range report.Problems {
			say(w, "%s\n", x)
		}
		if report.OK() {
			say(w, "%d entries, every one as it was written. Root %s\n", report.Size, report.Root)
		}
	})
	if err == nil && !report.OK() {
		err = Found{fmt.Sprintf("%s is not what was written: %d problems", dir, len(report.Problems))}
	}
	return err
}
