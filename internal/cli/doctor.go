package cli

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) doctor() *cobra.Command {
	return a.command("doctor", "check what ubridge needs from this host, and say what to do", "  sudo ubridge doctor",
		func(cmd *cobra.Command, _ []string) error {
			checks, err := a.checks(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				err = printJSON(cmd.OutOrStdout(), checks)
			} else {
				err = printChecks(cmd.OutOrStdout(), checks)
			}
			if err == nil && slices.ContainsFunc(checks, func(c api.Check) bool { return c.Status == api.CheckFail }) {
				return errReported
			}
			return err
		})
}

// checks asks the daemon, or looks for itself where none can be asked.
func (a *app) checks(ctx context.Context) ([]api.Check, error) {
	c := a.client()
	defer c.Close()
	checks, err := c.Doctor(ctx)
	if err == nil {
		return append([]api.Check{{Check: "daemon", Status: api.CheckOK, Detail: "running"}}, checks...), nil
	}
	daemon := api.Check{Check: "daemon", Status: api.CheckWarn}
	switch codeOf(err) {
	case api.Unavailable:
		daemon.Detail, daemon.Fix = "not running", "sudo ubridge run"
	case api.Permission:
		daemon.Detail, daemon.Fix = "may not be asked by you", "sudo ubridge doctor"
	default:
		return nil, err
	}
	if a.hooks.Doctor == nil {
		return []api.Check{daemon}, nil
	}
	return append([]api.Check{daemon}, a.hooks.Doctor(ctx)...), nil
}

func printChecks(out io.Writer, checks []api.Check) error {
	colour, width := colours(out), 0
	for _, c := range checks {
		width = max(width, len(c.Check))
	}
	for _, c := range checks {
		status := paint(c.Status, colour)
		pad := max(0, 4-len(c.Status))
		if _, err := fmt.Fprintf(out, "%s%*s  %-*s  %s\n", status, pad, "", width, shown(c.Check), shown(c.Detail)); err != nil {
			return err
		}
		if c.Fix == "" {
			continue
		}
		if _, err := fmt.Fprintf(out, "%*sfix: %s\n", width+8, "", shown(c.Fix)); err != nil {
			return err
		}
	}
	return nil
}
