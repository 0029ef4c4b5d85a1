package cli

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

func (a *app) netInfo() *cobra.Command {
	return a.asking("info NET", "tell all about a network", "  ubridge net info default",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			info, err := c.Network(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), []api.NetworkInfo{info})
			}
			return printInfo(cmd.OutOrStdout(), info)
		})
}

// printInfo prints what virsh net-info prints, in its form, and more below.
func printInfo(out io.Writer, n api.NetworkInfo) error {
	lines := infoLines(n)
	if n.Problem != "" {
		lines = append(lines, [2]string{"Problem", n.Problem})
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(out, "%-16s%s\n", line[0]+":", shown(line[1])); err != nil {
			return err
		}
	}
	return nil
}

func infoLines(n api.NetworkInfo) [][2]string {
	lines := [][2]string{
		{"Name", n.Name},
		{"UUID", n.UUID},
		{"Active", yesNo(n.Active)},
		{"Persistent", yesNo(n.Persistent)},
		{"Autostart", yesNo(n.Autostart)},
		{"Bridge", n.Bridge},
		{"Mode", n.Mode},
		{"Subnet", strings.Join(n.Subnets, " ")},
		{"Gateway", n.Gateway},
		{"Gateway MAC", n.GatewayMAC},
		{"MTU", fmt.Sprint(n.MTU)},
		{"Domain", n.Domain},
		{"DHCP", onOff(n.DHCP, strings.Join(n.LeaseRange, " "), leaseTime(n.LeaseTime))},
		{"DNS", onOff(n.DNS, "asks "+cmp.Or(strings.Join(n.Upstreams, " "), "nobody"))},
		{"Uplink", strings.TrimSpace(n.Uplink + " " + n.UplinkAddr)},
	}
	if n.Mode == string(config.ModeRoute) || n.Mode == string(config.ModeOpen) {
		lines = append(lines, [2]string{"Way in", wayIn(n)})
	}
	if n.IsolatedPorts {
		lines = append(lines, [2]string{"Isolated ports", "yes"})
	}
	lines = append(lines, [2]string{"Fast path", fastPath(n.FastPath)})
	lines = append(lines, [][2]string{
		{"Defined in", definedIn(n)},
		{"Pending", pending(n)},
		{"Ports", fmt.Sprintf("%d, %d up", n.Ports, n.PortsUp)},
		{"Stations", fmt.Sprint(n.Stations)},
		{"Leases", fmt.Sprint(n.Leases)},
		{"Flows", fmt.Sprint(n.Flows)},
		{"Received", fmt.Sprintf("%d frames, %d bytes", n.RxFrames, n.RxBytes)},
		{"Sent", fmt.Sprintf("%d frames, %d bytes", n.TxFrames, n.TxBytes)},
		{"Dropped", drops(n.Counters)},
	}...)
	for _, note := range n.NotInForce {
		lines = append(lines, [2]string{"Not in force", note})
	}
	for _, l := range n.Loops {
		lines = append(lines, [2]string{"Loop", fmt.Sprintf("%s and %s are joined outside; nothing is flooded from or to %s", l.Port, l.With, l.Port)})
	}
	return lines
}

// fastPath is whether the kernel forwards for the network.
func fastPath(f api.FastPath) string {
	words := []string{f.Mode}
	if f.Ports > 0 {
		words = append(words, fmt.Sprintf("the kernel forwards what is known, ports: %d", f.Ports))
	}
	if f.Off != "" {
		words = append(words, "not all: "+f.Off)
	}
	return strings.Join(words, ", ")
}

// wayIn is the route by which others reach guests that are not translated.
func wayIn(n api.NetworkInfo) string {
	if len(n.Subnets) == 0 || n.UplinkAddr == "" {
		return ""
	}
	return fmt.Sprintf("routers outside need: %s via %s", n.Subnets[0], n.UplinkAddr)
}

func onOff(on bool, details ...string) string {
	if !on {
		return "off"
	}
	return strings.Join(details, ", ")
}

func leaseTime(seconds int64) string {
	if seconds == 0 {
		return "for ever"
	}
	return "for " + (time.Duration(seconds) * time.Second).String()
}

func definedIn(n api.NetworkInfo) string {
	if n.ReadOnly {
		return n.File + " (read-only)"
	}
	return n.File
}

// pending are the keys of the definition that are not in force.
func pending(n api.NetworkInfo) string {
	if len(n.Pending) == 0 {
		return ""
	}
	return strings.Join(n.Pending, " ") + " for `ubridge net restart`"
}

// drops is the sum and each reason, most frequent first: "13 no-port=12 runt=1".
func drops(c api.Counters) string {
	text := fmt.Sprint(c.Dropped())
	reasons := slices.SortedFunc(maps.Keys(c.Drops), func(x, y string) int {
		return cmp.Or(cmp.Compare(c.Drops[y], c.Drops[x]), cmp.Compare(x, y))
	})
	for _, r := range reasons {
		if c.Drops[r] > 0 {
			text += fmt.Sprintf(" %s=%d", r, c.Drops[r])
		}
	}
	return text
}
