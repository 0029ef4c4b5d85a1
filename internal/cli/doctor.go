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
	var r api.UplinkRequest
	cmd := a.command("doctor", "check what ubridge needs from this host, and say what to do",
		"  sudo ubridge doctor\n  sudo ubridge doctor --uplink eth0            can guests be on the LAN of eth0?\n  sudo ubridge doctor --uplink eth0 --probe    ask the LAN too",
		func(cmd *cobra.Command, _ []string) error {
			checks, err := a.checks(cmd.Context(), r)
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
	cmd.Long = `Check what ubridge needs from this host, and say what to do.

With --uplink, check whether guests can be on the LAN of a NIC that they share
with the host (mode bridge), and why not; nothing is sent. With --probe as well,
a DHCP DISCOVER and ARP requests are sent from a MAC address that is not the
NIC's, and answers are listened for, for three seconds: an answer proves that the
network takes guests' addresses. No lease is taken. A switch with port security
may take offence at a new address.`
	cmd.Flags().StringVar(&r.Device, "uplink", "", "check whether `NIC` can be shared with guests")
	cmd.Flags().BoolVar(&r.Probe, "probe", false, "with --uplink: find out whether the LAN takes other MAC addresses")
	return cmd
}

// checks asks the daemon, or looks for itself where none can be asked.
func (a *app) checks(ctx context.Context, r api.UplinkRequest) ([]api.Check, error) {
	c := a.client()
	defer c.Close()
	if r.Device != "" {
		return a.uplinkChecks(ctx, c, r)
	}
	if r.Probe {
		return nil, api.Errorf(api.Usage, "--probe needs --uplink NIC")
	}
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

// uplinkChecks asks the daemon, which knows its networks; any other can look at
// the NIC as well.
func (a *app) uplinkChecks(ctx context.Context, c *api.Client, r api.UplinkRequest) ([]api.Check, error) {
	checks, err := c.DoctorUplink(ctx, r)
	if code := codeOf(err); err == nil || code != api.Unavailable && code != api.Permission || a.hooks.DoctorUplink == nil {
		return checks, err
	}
	return a.hooks.DoctorUplink(ctx, r)
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
