package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) net() *cobra.Command {
	return group("net", "networks, with the verbs of virsh net-*",
		a.netList(), a.netInfo(), a.netLeases(), a.netCreate(), a.netDefine(), a.netDumpXML(),
		a.netStart(), a.netStop(), a.netRestart(), a.netUndefine(), a.netAutostart(), a.netRestore(),
		a.netUpdate(), a.netSet(), a.netEdit(), a.netEvent())
}

func (a *app) netList() *cobra.Command {
	var f netFilter
	cmd := a.asking("list", "list the networks", "  ubridge net list --json\n  ubridge net list --inactive --name",
		func(c *api.Client, cmd *cobra.Command, _ []string) error {
			list, err := c.Networks(cmd.Context())
			if err != nil {
				return err
			}
			list = slices.DeleteFunc(list, func(n api.Network) bool { return !f.pass(n) })
			if f.names {
				return printNames(cmd, list)
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			t := newTable(cmd.OutOrStdout(), "Name", "State", "Autostart", "Persistent", "Mode", "Bridge", "Subnet")
			for _, n := range list {
				t.add(n.Name, activity(n.Active), yesNo(n.Autostart), yesNo(n.Persistent), n.Mode, n.Bridge, strings.Join(n.Subnets, " "))
			}
			return t.print()
		})
	f.flags(cmd)
	return cmd
}

// netFilter is which networks `net list` lists: all, unless flags say otherwise.
type netFilter struct {
	active, inactive, persistent, transient, autostart, noAutostart, names bool
}

func (f *netFilter) flags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Bool("all", true, "inactive networks too, as virsh; they are always listed")
	flags.BoolVar(&f.active, "active", false, "active networks only")
	flags.BoolVar(&f.inactive, "inactive", false, "inactive networks only")
	flags.BoolVar(&f.persistent, "persistent", false, "networks that have a definition only")
	flags.BoolVar(&f.transient, "transient", false, "networks without a definition only")
	flags.BoolVar(&f.autostart, "autostart", false, "networks that start with the daemon only")
	flags.BoolVar(&f.noAutostart, "no-autostart", false, "networks that do not start with the daemon only")
	flags.BoolVar(&f.names, "name", false, "print names only, one a line")
}

// pass reports whether a network is listed. Two flags that exclude each other are
// both, as with virsh.
func (f *netFilter) pass(n api.Network) bool {
	either := func(yes, no, is bool) bool { return yes == no || is == yes }
	return either(f.active, f.inactive, n.Active) && either(f.persistent, f.transient, n.Persistent) && either(f.autostart, f.noAutostart, n.Autostart)
}

func printNames(cmd *cobra.Command, list []api.Network) error {
	for _, n := range list {
		if _, err := fmt.Fprintln(cmd.OutOrStdout(), n.Name); err != nil {
			return err
		}
	}
	return nil
}

func activity(active bool) string {
	if active {
		return "active"
	}
	return "inactive"
}

func (a *app) netLeases() *cobra.Command {
	return a.asking("leases [NET]", "list the addresses that guests hold", "  ubridge net leases default",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			list, err := collect(c.Leases(cmd.Context(), optional(args, 0)))
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(x, y api.Lease) int {
				return cmp.Or(cmp.Compare(x.Network, y.Network), cmp.Compare(x.MAC, y.MAC), cmp.Compare(x.IP, y.IP))
			})
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			return printLeases(cmd, list, len(args) == 0)
		})
}

// printLeases prints the columns of virsh net-dhcp-leases, with the network
// before them when there are several.
func printLeases(cmd *cobra.Command, list []api.Lease, networks bool) error {
	titles := []string{"Expiry Time", "MAC address", "Protocol", "IP address", "Hostname", "Client ID or DUID"}
	if networks {
		titles = append([]string{"Network"}, titles...)
	}
	t := newTable(cmd.OutOrStdout(), titles...)
	for _, l := range list {
		row := []string{expiry(l.Expires), l.MAC, l.Protocol, fmt.Sprintf("%s/%d", l.IP, l.Prefix), l.Hostname, l.ClientID}
		if networks {
			row = append([]string{l.Network}, row...)
		}
		t.add(row...)
	}
	return t.print()
}

// expiry is local time, as virsh prints it.
func expiry(unix int64) string {
	if unix == 0 {
		return "never"
	}
	return time.Unix(unix, 0).Format(time.DateTime)
}

func (a *app) netStart() *cobra.Command {
	return a.asking("start NET", "start a network", "  ubridge net start lab",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			return a.done(cmd, c.Start(cmd.Context(), args[0]), "network %s started", args[0])
		})
}

func (a *app) netStop() *cobra.Command {
	cmd := a.asking("stop NET", "stop a network and remove all that it made on the host", "  ubridge net stop lab",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			return a.done(cmd, c.Stop(cmd.Context(), args[0]), "network %s stopped", args[0])
		})
	cmd.Aliases = []string{"destroy"} // as virsh net-destroy
	return cmd
}

func (a *app) netUndefine() *cobra.Command {
	return a.asking("undefine NET", "forget a network's definition", "  ubridge net undefine lab",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			return a.done(cmd, c.Undefine(cmd.Context(), args[0]), "network %s undefined", args[0])
		})
}

// done says that a change was made; with --json there is nothing to say.
func (a *app) done(cmd *cobra.Command, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	if a.json {
		return printJSON(cmd.OutOrStdout(), []api.Network{})
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	return err
}
