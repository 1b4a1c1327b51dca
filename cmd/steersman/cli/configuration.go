package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/config"
)

func configuration() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check the configuration file, or print the settings in force"}
	check := &cobra.Command{
		Use: "check FILE", Short: "Say what is wrong with a configuration file", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load(args[0])
			if err != nil {
				return Found{err.Error()}
			}
			if err := c.Check(); err != nil {
				return Found{fmt.Sprintf("%s: %v", args[0], err)}
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: fine\n", args[0])
			return err
		},
	}
	show := &cobra.Command{
		Use: "print [FILE]", Short: "Print every setting, with its reason", Args: cobra.MaximumNArgs(1),
		Long: "Print every setting that would be in force with FILE (or with no file), each with\nits reason: a file to start from.",
		RunE: func(cmd *cobra.Command, args []string) error {
			path := ""
			if len(args) > 0 {
				path = args[0]
			}
			c, err := config.Load(path)
			if err != nil {
				return err
			}
			text, err := c.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		},
	}
	cmd.AddCommand(check, show)
	return cmd
}
