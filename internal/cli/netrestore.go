package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) netRestore() *cobra.Command {
	var o RestoreOptions
	cmd := a.command("restore NIC", "put a NIC back as it was, from any state, also while no daemon runs",
		"  sudo ubridge net restore eth0",
		func(cmd *cobra.Command, args []string) error {
			o.NIC = args[0]
			r, err := a.restore(cmd, o)
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), []api.Restored{r})
			}
			return printRestored(cmd, r)
		})
	cmd.Flags().StringVar(&o.Config, "config", "", "configuration `FILE` of the daemon that has died")
	cmd.Flags().StringVar(&o.StateDir, "state-dir", "", "its state directory `DIR`")
	return cmd
}

// restore asks the daemon, which may use the NIC, or does it itself where none
// runs.
func (a *app) restore(cmd *cobra.Command, o RestoreOptions) (api.Restored, error) {
	c := a.client()
	defer c.Close()
	r, err := c.Restore(cmd.Context(), o.NIC)
	if codeOf(err) != api.Unavailable || a.hooks.Restore == nil {
		return r, err
	}
	return a.hooks.Restore(o)
}

func printRestored(cmd *cobra.Command, r api.Restored) error {
	if len(r.Removed) == 0 {
		_, err := fmt.Fprintf(cmd.OutOrStdout(), "nothing of ubridge's is on %s\n", r.NIC)
		return err
	}
	for _, what := range r.Removed {
		if _, err := fmt.Fprintf(cmd.OutOrStdout(), "removed from %s: %s\n", r.NIC, what); err != nil {
			return err
		}
	}
	return nil
}
