package cli

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

// formats of port list and fdb beside the table.
const (
	formatBrctl  = "brctl"  // as brctl show, showmacs
	formatBridge = "bridge" // as bridge link, bridge fdb show
)

// formatFlag takes --format; empty is the table.
func formatFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "format", "", "print it as `TOOL` does: brctl or bridge (with --json as bridge -j)")
	_ = cmd.RegisterFlagCompletionFunc("format", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return []string{formatBrctl, formatBridge}, cobra.ShellCompDirectiveNoFileComp
	}) // fails only where the flag is missing
}

func checkFormat(format string, json bool) error {
	switch {
	case format == formatBrctl && json:
		return api.Errorf(api.Usage, "brctl has no JSON; use --format bridge")
	case format != "" && format != formatBrctl && format != formatBridge:
		return api.Errorf(api.Usage, "there is no format %q; use brctl or bridge", format)
	}
	return nil
}

// bridgeEntry is an element of bridge -j fdb show (iproute2, bridge/fdb.c).
type bridgeEntry struct {
	MAC    string      `json:"mac"`
	Device string      `json:"ifname"`
	Flags  api.Strings `json:"flags"`
	Master string      `json:"master"`
	State  string      `json:"state"`
}

// bridgeFDB prints stations as bridge fdb show does.
func (a *app) bridgeFDB(out io.Writer, list []api.Station, masters map[string]string) error {
	var entries []bridgeEntry
	for _, s := range list {
		e := bridgeEntry{MAC: s.MAC, Device: s.Port, Master: masters[s.Network]}
		if s.Static {
			e.State = "permanent"
		}
		entries = append(entries, e)
	}
	if a.json {
		return printJSON(out, entries)
	}
	for _, e := range entries {
		if _, err := fmt.Fprintf(out, "%s dev %s master %s %s\n", e.MAC, e.Device, e.Master, e.State); err != nil {
			return err
		}
	}
	return nil
}

// masters are the bridges by network.
func masters(ctx context.Context, c *api.Client) (map[string]string, error) {
	list, err := c.Networks(ctx)
	names := map[string]string{}
	for _, n := range list {
		names[n.Name] = bridgeName(n)
	}
	return names, err
}

// bridgeLink is an element of bridge -j link (iproute2, bridge/link.c), as far as
// a port of ours has it: there is neither priority nor cost.
type bridgeLink struct {
	Index  int         `json:"ifindex,omitempty"` // of a device that this namespace has
	Device string      `json:"ifname"`
	Flags  api.Strings `json:"flags"`
	MTU    int         `json:"mtu"`
	Master string      `json:"master"`
	State  string      `json:"state"`
}

// bridgeLinks prints ports as bridge link does.
func (a *app) bridgeLinks(out io.Writer, ports []api.Port, masters map[string]string) error {
	var links []bridgeLink
	for _, p := range ports {
		if p.Network == "" || p.Kind == api.KindHost || p.State == api.StateAbsent {
			continue // no device that is in a bridge
		}
		links = append(links, linkOf(p, masters[p.Network]))
	}
	if a.json {
		return printJSON(out, links)
	}
	for _, l := range links {
		if _, err := fmt.Fprintf(out, "%d: %s: <%s> mtu %d master %s state %s\n", l.Index, l.Device, strings.Join(l.Flags, ","), l.MTU, l.Master, l.State); err != nil {
			return err
		}
	}
	return nil
}

func linkOf(p api.Port, master string) bridgeLink {
	l := bridgeLink{Device: p.Name, MTU: p.MTU, Master: master, State: "disabled"}
	if p.State == api.StateUp {
		l.State, l.Flags = "forwarding", []string{"UP", "LOWER_UP"}
	}
	dev, err := net.InterfaceByName(p.Name)
	if err != nil {
		return l // the daemon is elsewhere
	}
	l.Index, l.Flags = dev.Index, nil
	for _, f := range []struct {
		flag net.Flags
		name string
	}{{net.FlagBroadcast, "BROADCAST"}, {net.FlagMulticast, "MULTICAST"}, {net.FlagUp, "UP"}, {net.FlagRunning, "LOWER_UP"}} {
		if dev.Flags&f.flag != 0 {
			l.Flags = append(l.Flags, f.name)
		}
	}
	return l
}
