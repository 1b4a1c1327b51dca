package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/cli"
	"github.com/steersman-ops/steersman/cmd/steersman/config"
	"github.com/steersman-ops/steersman/cmd/steersman/wire"
	"github.com/steersman-ops/steersman/signal/recorded"
)

func replay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay PATH...",
		Short: "Watch what was recorded, as if it came in now",
		Long: `Watch what was recorded, as if it came in now: the clock is the recording's, and
two replays of the same find the same. A path is a file or folder with CSV (one
series in each column, or one sample in each row; spans; log lines), JSON or log
files, in any mixture and merged by time; or the data folder of a Steersman that
is not running. What is found goes into a data folder of its own, at which
"steersman up" can be pointed to look around. Nothing is proposed or done.

Exits with 1 if an incident was found.`,
		Args: cobra.MinimumNArgs(1),
	}
	f := cmd.Flags()
	dir := f.String("data-dir", "replay.data", "new data folder for what is found")
	omit := f.StringSlice("omit", []string{"label", "anomaly", "changepoint"}, "columns that are no telemetry")
	asJSON := f.Bool("json", false, "print everything as JSON")
	cmd.RunE = func(cmd *cobra.Command, paths []string) error {
		c, err := config.Load("")
		if err != nil {
			return err
		}
		c.Log.Level = "error"
		if c.DataDir, err = filepath.Abs(*dir); err != nil {
			return err
		}
		if err := empty(c.DataDir); err != nil {
			return err
		}
		out, err := wire.Replay(cmd.Context(), c, paths, recorded.Options{Omit: *omit}, wire.Options{Version: buildVersion(), Logger: logger(cmd, c.Log)})
		if err != nil {
			return errors.Join(err, os.RemoveAll(c.DataDir)) // it was empty before, and is not whole
		}
		if err := settings(c.DataDir); err != nil {
			return err
		}
		if *asJSON {
			enc := json.NewEncoder(cmd.OutOrStdout())
			enc.SetIndent("", "  ")
			err = enc.Encode(out)
		} else {
			tell(cmd.OutOrStdout(), &out, *dir)
		}
		if err == nil && len(out.Incidents) > 0 {
			return cli.Exit(1)
		}
		return err
	}
	return cmd
}

// empty refuses a folder with something in it: two recordings in one would be
// neither.
func empty(dir string) error {
	there, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && len(there) == 0:
		return nil
	case err != nil:
		return fmt.Errorf("look into the data folder: %w", err)
	}
	return fmt.Errorf("%s is not empty: name another folder with --data-dir, or delete it", dir)
}

const settingsFile = "steersman.yaml"

// settings writes down what `up` must know not to forget at once what is old.
func settings(dir string) error {
	text := fmt.Sprintf("# For looking at what was replayed: nothing in it is too old.\ndata_dir: %q\nmetrics: {retention: 36500d}\nlines: {retention: 36500d}\nspans: {retention: 36500d}\nrecords: {findings: 36500d, incidents: 36500d}\n", dir)
	if err := os.WriteFile(filepath.Join(dir, settingsFile), []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the settings for looking at it: %w", err)
	}
	return nil
}

// tell says what was read and found.
func tell(w io.Writer, r *wire.Replayed, dir string) {
	var b strings.Builder
	for _, f := range r.Files {
		fmt.Fprintf(&b, "%s: %d rows", f.Path, f.Rows)
		switch {
		case f.Kind == recorded.Samples:
			fmt.Fprintf(&b, ", %d samples", f.Samples)
		case f.Kind != "":
			fmt.Fprintf(&b, " of %s", f.Kind)
		}
		if f.Refused > 0 {
			fmt.Fprintf(&b, "; %d refused: %s", f.Refused, f.Why)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "From %s to %s: %d findings, %d incidents.\n", r.From.Format(time.RFC3339), r.To.Format(time.RFC3339), len(r.Findings), len(r.Incidents))
	for _, i := range r.Incidents {
		fmt.Fprintf(&b, "\n%s  %s\n  %s\n", i.Onset.UTC().Format(time.RFC3339), i.Title, i.Summary)
	}
	fmt.Fprintf(&b, "\nLook around: steersman up --config %s\n", filepath.Join(dir, settingsFile))
	_, _ = io.WriteString(w, b.String()) // nothing can be done about a terminal that is gone
}
