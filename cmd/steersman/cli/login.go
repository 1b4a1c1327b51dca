package cli

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/console/api"
)

func login(c *client) *cobra.Command {
	cmd := &cobra.Command{
		Use: "login", Short: "Print a one-time link that signs a browser in", Args: cobra.NoArgs,
	}
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out api.Link
		if err := c.post(cmd.Context(), "/login-links", nil, &out); err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) { fmt.Fprintln(w, out.URL) })
	}
	return cmd
}
