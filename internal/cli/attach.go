package cli

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"log/syslog"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/libvirthook"
)

// hookTime is how long libvirt is kept waiting at most.
const hookTime = 3 * time.Second

// libvirtHook is the verb of dist/libvirt/qemu-hook.
func (a *app) libvirtHook() *cobra.Command {
	cmd := a.asking("libvirt-hook DOMAIN OPERATION SUBOPERATION EXTRA", "attach a domain's interfaces for libvirt, which starts this as its qemu hook",
		"  ubridge libvirt-hook web start begin -",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := tellGuest(cmd.Context(), c, cmd.InOrStdin(), args[0], args[1], args[2]); err != nil {
				sayHook(cmd.ErrOrStderr(), args[0], err)
			}
			return nil // or libvirt would not start the domain
		})
	cmd.Hidden = true
	return cmd
}

func tellGuest(ctx context.Context, c *api.Client, domain io.Reader, name, operation, suboperation string) error {
	if !libvirthook.Tells(operation, suboperation) {
		return nil
	}
	d, err := libvirthook.Read(domain)
	if err != nil || len(d.Interfaces) == 0 {
		return err
	}
	r := api.GuestRequest{Domain: name}
	for _, i := range d.Interfaces {
		r.Interfaces = append(r.Interfaces, api.GuestInterface{Port: i.Device, MAC: i.MAC, Network: i.Network})
	}
	ctx, cancel := context.WithTimeout(ctx, hookTime)
	defer cancel()
	_, err = c.GuestStarted(ctx, r)
	return err
}

// sayHook puts a line where an administrator looks: libvirt shows what its hooks
// say only of those that fail.
func sayHook(stderr io.Writer, domain string, err error) {
	line := fmt.Sprintf("ubridge: domain %s is started without its network: %v", domain, err)
	fmt.Fprintln(stderr, line)
	w, err := syslog.New(syslog.LOG_DAEMON|syslog.LOG_WARNING, "ubridge-libvirt-hook")
	if err != nil {
		slog.Debug("no system log", "err", err)
		return
	}
	defer w.Close()
	_, _ = io.WriteString(w, strings.TrimPrefix(line, "ubridge: ")) // the line is on stderr already
}

// attachWay is one way to attach a guest.
type attachWay struct {
	Way      string      `json:"way"`      // in a few words
	Commands api.Strings `json:"commands"` // of the shell, in this order
	XML      string      `json:"xml"`      // of libvirt; empty: none
}

func (a *app) attach() *cobra.Command {
	var o attachOptions
	cmd := a.asking("attach [NET]", "print how a guest is attached: libvirt's XML, QEMU's arguments",
		"  ubridge attach --libvirt\n  ubridge attach default --libvirt --mac 52:54:00:12:34:56 --target vnet-web\n  ubridge attach --qemu",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			network := "default"
			if len(args) > 0 {
				network = args[0]
			}
			if err := o.check(); err != nil {
				return err
			}
			info, err := c.Network(cmd.Context(), network)
			if err != nil {
				return err
			}
			ways := o.ways(info)
			if a.json {
				return printJSON(cmd.OutOrStdout(), ways)
			}
			return printWays(cmd.OutOrStdout(), ways)
		})
	cmd.Flags().BoolVar(&o.libvirt, "libvirt", false, "the ways for a domain of libvirt")
	cmd.Flags().BoolVar(&o.qemu, "qemu", false, "the ways for QEMU started by hand")
	cmd.Flags().StringVar(&o.mac, "mac", "", "the guest's `MAC` (default made from the device's name)")
	cmd.Flags().StringVar(&o.target, "target", "vnet-guest", "`DEV` of the host for the guest's card")
	return cmd
}

type attachOptions struct {
	libvirt, qemu bool
	mac, target   string
}

// check completes the options; without a choice all ways are shown.
func (o *attachOptions) check() error {
	if err := config.CheckDevice(o.target); err != nil {
		return api.Errorf(api.Usage, "--target: %v", err)
	}
	if o.mac == "" {
		o.mac = GuestMAC(o.target)
	}
	if err := config.CheckMAC(o.mac); err != nil {
		return api.Errorf(api.Usage, "--mac: %v", err)
	}
	if !o.libvirt && !o.qemu {
		o.libvirt, o.qemu = true, true
	}
	return nil
}

func (o *attachOptions) ways(n api.NetworkInfo) (ways []attachWay) {
	if o.libvirt {
		ways = append(ways, o.preparedTap(n), o.adoptedTap(n), o.hookedTap(n))
	}
	if o.qemu {
		ways = append(ways, o.qemuTap(n), o.qemuHelper(n))
	}
	return ways
}

func (o *attachOptions) preparedTap(n api.NetworkInfo) attachWay {
	return attachWay{
		Way:      "libvirt, on a tap that ubridge makes and keeps",
		Commands: []string{fmt.Sprintf("sudo ubridge port add %s %s --group libvirt-qemu", n.Name, o.target)},
		XML:      LibvirtXML(o.target, o.mac, 1),
	}
}

// adoptedTap tells what the definition lacks, where it lacks it.
func (o *attachOptions) adoptedTap(n api.NetworkInfo) attachWay {
	w := attachWay{Way: "libvirt, on a tap of its own that network " + n.Name + " adopts", XML: LibvirtXML("", o.mac, 1)}
	if len(n.Adopt) == 0 {
		w.Way += `; its definition needs adopt = ["vnet*"]`
	}
	return w
}

func (o *attachOptions) hookedTap(n api.NetworkInfo) attachWay {
	return attachWay{
		Way: "libvirt, on a tap of its own, named by the domain's metadata; needs libvirt's hook, see docs/libvirt.md",
		Commands: []string{fmt.Sprintf(`virsh metadata DOMAIN --uri %s --key ubridge --set "<guest network='%s'/>" --config`,
			libvirthook.Namespace, n.Name)},
		XML: LibvirtXML("", o.mac, 1),
	}
}

func (o *attachOptions) qemuTap(n api.NetworkInfo) attachWay {
	args := QEMUArgs(o.target, o.mac, 1)
	return attachWay{
		Way: "QEMU, on a tap that ubridge makes and keeps",
		Commands: []string{
			fmt.Sprintf("sudo ubridge port add %s %s --owner $USER", n.Name, o.target),
			"qemu-system-x86_64 DISK " + strings.Join(args, " "),
		},
	}
}

func (o *attachOptions) qemuHelper(n api.NetworkInfo) attachWay {
	return attachWay{
		Way: "QEMU of a user that " + config.DefaultHelperACL + " allows",
		Commands: []string{fmt.Sprintf("qemu-system-x86_64 DISK -netdev bridge,id=net0,br=%s,helper=/usr/libexec/ubridge/%s -device virtio-net-pci,netdev=net0,mac=%s",
			n.Name, HelperName, o.mac)},
	}
}

func printWays(out io.Writer, ways []attachWay) error {
	var b strings.Builder
	for i, w := range ways {
		if i > 0 {
			b.WriteString("\n")
		}
		fmt.Fprintf(&b, "%s:\n\n", w.Way)
		for _, c := range w.Commands {
			fmt.Fprintf(&b, "  %s\n", c)
		}
		if w.XML != "" {
			b.WriteString(w.XML)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}
