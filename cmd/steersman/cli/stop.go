package cli

import (
	"fmt"
	"io"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/govern/watchdog"
)

func stop(c *client) *cobra.Command {
	return pull(c, "stop", "Engage the kill switch: nothing is done by anyone until it is released", (*watchdog.Switch).Engage)
}

func resume(c *client) *cobra.Command {
	return pull(c, "resume", "Release the kill switch", (*watchdog.Switch).Release)
}

// pull asks the server. With --offline it works on the data folder itself, so
// that it works when the server does not answer.
func pull(c *client, verb, short string, direct func(s *watchdog.Switch, by, why string) (watchdog.State, error)) *cobra.Command {
	cmd := &cobra.Command{Use: verb, Short: short, Args: cobra.NoArgs}
	why := cmd.Flags().String("why", "", "a reason, for the record")
	offline := cmd.Flags().Bool("offline", false, "write to the data folder instead of asking the server: works when nothing else does")
	asJSON := jsonFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		var out watchdog.State
		var err error
		if *offline {
			out, err = c.pullOffline(*why, direct)
		} else {
			err = c.post(cmd.Context(), "/"+verb, map[string]string{"why": *why}, &out)
		}
		if err != nil {
			return err
		}
		return printer{cmd.OutOrStdout(), *asJSON}.object(out, func(w io.Writer) {
			if out.Engaged {
				say(w, "Stopped by %s: nothing will be done until `steersman resume`.\n", out.By)
				return
			}
			fmt.Fprintln(w, "Released: approved proposals may be carried out again.")
		})
	}
	return cmd
}

func (c *client) pullOffline(why string, direct func(s *watchdog.Switch, by, why string) (watchdog.State, error)) (watchdog.State, error) {
	s, err := watchdog.OpenSwitch(c.dataDir, watchdog.SwitchOptions{})
	if err != nil {
		return watchdog.State{}, err
	}
	return direct(s, me(), why)
}

// me names the person at this terminal.
func me() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "somebody at the command line"
}
