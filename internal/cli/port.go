package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// maxQueues is the number of queues that a tap can have (MAX_TAP_QUEUES in
// drivers/net/tun.c).
const maxQueues = 256

func (a *app) port() *cobra.Command {
	return group("port", "ports of a network, as brctl addif, delif and show", a.portAdd(), a.portDel(), a.portList())
}

func (a *app) portList() *cobra.Command {
	var format string
	cmd := a.asking("list [NET]", "list ports, their state and counters", "  ubridge port list default\n  ubridge port list --format brctl",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, a.json); err != nil {
				return err
			}
			if format == formatBrctl {
				return (&brctl{client: c, out: cmd.OutOrStdout()}).show(cmd.Context(), args)
			}
			list, err := c.Ports(cmd.Context(), optional(args, 0))
			if err != nil {
				return err
			}
			if format == formatBridge {
				names, err := masters(cmd.Context(), c)
				if err != nil {
					return err
				}
				return a.bridgeLinks(cmd.OutOrStdout(), list, names)
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			t := newTable(cmd.OutOrStdout(), "Network", "Port", "Kind", "State", "RX frames", "RX bytes", "TX frames", "TX bytes", "Drops")
			for _, p := range list {
				t.add(p.Network, p.Name, p.Kind, portState(p), count(p.RxFrames), count(p.RxBytes), count(p.TxFrames), count(p.TxBytes), drops(p.Counters))
			}
			return t.print()
		})
	formatFlag(cmd, &format)
	return cmd
}

// portState is the state, and that the port is held.
func portState(p api.Port) string {
	if p.Loop != "" {
		return p.State + ", loop with " + p.Loop
	}
	return p.State
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }

func (a *app) portDel() *cobra.Command {
	return a.asking("del NET IFACE", "detach a device and put it back as it was", "  ubridge port del default vnet0",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			err := c.DeletePort(cmd.Context(), api.DeletePortRequest{Network: args[0], Port: args[1]})
			return a.done(cmd, err, "port %s removed from network %s", args[1], args[0])
		})
}

func (a *app) portAdd() *cobra.Command {
	var r api.AddPortRequest
	var libvirt bool
	var mac string
	cmd := a.asking("add NET IFACE", "make a device a port; one that does not exist is made as a tap",
		"  ubridge port add default vnet0 --owner $USER\n  ubridge port add default vnet1 --group kvm --queues 4 --libvirt",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			r.Network, r.Port = args[0], args[1]
			if err := checkAdd(r, mac); err != nil {
				return err
			}
			if mac == "" {
				mac = GuestMAC(r.Port)
			}
			if r.Domain != "" {
				r.MAC = mac
			}
			p, err := c.AddPort(cmd.Context(), r)
			if err != nil {
				return err
			}
			return a.printAdded(cmd.OutOrStdout(), p, r, mac, libvirt)
		})
	cmd.Flags().StringVar(&r.Owner, "owner", "", "`USER` who may open the tap (default root)")
	cmd.Flags().StringVar(&r.Group, "group", "", "`GROUP` whose members may open the tap")
	cmd.Flags().IntVar(&r.Queues, "queues", 1, "queues of the tap, `N` = vCPUs of the guest at most")
	cmd.Flags().StringVar(&r.Domain, "domain", "", "`NAME` of libvirt's domain behind the port, for libvirt's .macs file")
	cmd.Flags().StringVar(&mac, "mac", "", "the guest's `MAC` (default made from the device's name)")
	cmd.Flags().BoolVar(&libvirt, "libvirt", false, "print the libvirt interface instead of QEMU's arguments")
	return cmd
}

func checkAdd(r api.AddPortRequest, mac string) error {
	if err := config.CheckMAC(mac); mac != "" && err != nil {
		return api.Errorf(api.Usage, "--mac: %v", err)
	}
	if err := config.CheckDevice(r.Port); err != nil {
		return api.Errorf(api.Usage, "%v; use up to 15 letters, digits, '.', '_' and '-'", err)
	}
	if r.Owner != "" && r.Group != "" {
		return api.Errorf(api.Usage, "--owner and --group exclude each other; give one")
	}
	if r.Queues < 1 || r.Queues > maxQueues {
		return api.Errorf(api.Usage, "--queues %d is out of range; use 1 to %d", r.Queues, maxQueues)
	}
	return nil
}

// printAdded tells how a guest is attached to a tap; other devices have no
// guest's end that we know.
func (a *app) printAdded(out io.Writer, p api.Port, r api.AddPortRequest, mac string, libvirt bool) error {
	var qemu []string
	if p.Kind == api.KindTap {
		qemu = QEMUArgs(p.Name, mac, p.Queues)
	}
	if a.json {
		return printJSON(out, []addedPort{{p, qemu}})
	}
	text := fmt.Sprintf("port %s of network %s is %s\n", p.Name, p.Network, shown(p.State))
	switch {
	case qemu == nil:
	case libvirt:
		text += "put this into the guest's <devices>:\n\n" + LibvirtXML(p.Name, mac, p.Queues)
	default:
		text += "start a guest on it with:\n\n  " + strings.Join(pairs(qemu), " \\\n  ") + "\n"
		if r.Owner == "" && r.Group == "" {
			text += "\na tap that was made without --owner or --group is root's: run QEMU as root\n"
		}
	}
	_, err := io.WriteString(out, text)
	return err
}

// addedPort is the port with QEMU's arguments for it.
type addedPort struct {
	api.Port
	QEMU []string `json:"qemu"`
}

// pairs joins each option with its value.
func pairs(args []string) (lines []string) {
	for i := 0; i+1 < len(args); i += 2 {
		lines = append(lines, args[i]+" "+args[i+1])
	}
	return lines
}
