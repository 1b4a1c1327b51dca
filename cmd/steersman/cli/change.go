package cli

import (
	"io"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// told is the body of the change hook; see docs/connect.md.
type told struct {
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	Kind      string `json:"kind"`
	Version   string `json:"version,omitempty"`
	Before    string `json:"before,omitempty"`
	By        string `json:"by,omitempty"`
	Note      string `json:"note,omitempty"`
	Link      string `json:"link,omitempty"`
	At        string `json:"at,omitempty"`
}

func change(c *client) *cobra.Command {
	var t told
	cmd := &cobra.Command{
		Use:   "change --service NAME [--version V]",
		Short: "Tell Steersman what was changed",
		Long: `Tell Steersman what was changed, so that it can say what a change broke.

A pipeline calls it after a deployment; the same can be had by
POST /hooks/change or with CDEvents at /hooks/cdevents.`,
		Example: "  steersman change --service checkout --version v2 --before v1 --note 'new tax rules'",
		Args:    cobra.NoArgs,
	}
	f := cmd.Flags()
	f.StringVar(&t.Service, "service", "", "the service, as its telemetry calls it")
	f.StringVar(&t.Namespace, "namespace", "", "its namespace")
	f.StringVar(&t.Version, "version", "", "what runs now")
	f.StringVar(&t.Before, "before", "", "what ran before")
	f.StringVar(&t.Kind, "kind", "deployed", "deployed, rolledback, configured, scaled or restarted")
	f.StringVar(&t.By, "by", "", "who did it (default: you)")
	f.StringVar(&t.Note, "note", "", "one line on what it is")
	f.StringVar(&t.Link, "link", "", "to the pipeline or commit")
	f.StringVar(&t.At, "at", "", "when, as RFC 3339 (default: now)")
	asJSON := jsonFlag(cmd)
	cobra.CheckErr(cmd.MarkFlagRequired("service"))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if t.By == "" {
			t.By = me()
		}
		if t.At == "" {
			t.At = time.Now().UTC().Format(time.RFC3339Nano)
		}
		if err := c.call(cmd.Context(), http.MethodPost, "/hooks/change", t, nil, false); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(t, func(w io.Writer) {
			say(w, "Noted: %s %s %s.\n", t.Service, t.Kind, t.Version)
		})
	}
	return cmd
}
