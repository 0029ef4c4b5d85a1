package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"ubridge/dnsfwd/upstream"
	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/gateway"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/probe"
)

var pid = os.Getpid()

// Doctor implements api.Backend: what the host offers, then what only a running
// daemon knows.
func (b backend) Doctor(ctx context.Context) ([]api.Check, error) {
	checks := HostChecks(b.d.opts.ResolvConf)
	if why := b.d.steer.Fallback(); why != nil {
		checks = append(checks, warn("steering", "nftables stands in for eBPF: "+why.Error(),
			"do not flush the host's ruleset while guests run, or allow bpf() (kernel.unprivileged_bpf_disabled does not matter; lockdown does)"))
	} else {
		checks = append(checks, ok("steering", "eBPF programs keep the host's stack off guests' packets"))
	}
	nets, err := b.d.selected("")
	if err != nil {
		return nil, err
	}
	for _, n := range nets {
		checks = append(checks, b.d.networkChecks(n)...)
	}
	return checks, nil
}

// HostChecks are the checks that need no daemon: what ubridge asks of the host.
func HostChecks(resolvConf string) []api.Check {
	return append(append(privilegeChecks(), kernelChecks()...), pathChecks(resolvConf)...)
}

func ok(check, detail string) api.Check {
	return api.Check{Check: check, Status: api.CheckOK, Detail: detail}
}

func warn(check, detail, fix string) api.Check {
	return api.Check{Check: check, Status: api.CheckWarn, Detail: detail, Fix: fix}
}

func bad(check, detail, fix string) api.Check {
	return api.Check{Check: check, Status: api.CheckFail, Detail: detail, Fix: fix}
}

// checkPrivileges reports what a daemon cannot do without.
func checkPrivileges() error {
	caps, err := probe.EffectiveCapabilities()
	if err != nil {
		return err
	}
	if !caps.NetAdmin || !caps.NetRaw {
		return api.Errorf(api.Permission, "ubridge run needs CAP_NET_ADMIN and CAP_NET_RAW: run it as root (sudo ubridge run)")
	}
	return nil
}

// privilegeChecks look at capabilities.
func privilegeChecks() (checks []api.Check) {
	caps, err := probe.EffectiveCapabilities()
	if err != nil {
		return []api.Check{bad("capabilities", err.Error(), "run as root")}
	}
	for _, c := range []struct {
		name string
		have bool
		use  string
	}{
		{"CAP_NET_ADMIN", caps.NetAdmin, "makes taps, addresses and filters"},
		{"CAP_NET_RAW", caps.NetRaw, "opens packet sockets on ports and uplinks"},
	} {
		if c.have {
			checks = append(checks, ok(c.name, c.use))
		} else {
			checks = append(checks, bad(c.name, "missing: it "+c.use, "run as root: sudo ubridge run"))
		}
	}
	if caps.BPF {
		return append(checks, ok("CAP_BPF", "loads the programs that keep the host's stack quiet"))
	}
	return append(checks, warn("CAP_BPF", "missing: nftables stands in, which a ruleset flush removes", "run as root, or grant CAP_BPF"))
}

// kernelChecks look at what the kernel offers.
func kernelChecks() (checks []api.Check) {
	if v, err := probe.Kernel(); err != nil {
		checks = append(checks, warn("kernel", err.Error(), "")) // uname does not fail
	} else if v.AtLeast(6, 1) {
		checks = append(checks, ok("kernel", v.Release))
	} else {
		checks = append(checks, warn("kernel", v.Release+" is older than what is tested", "use Linux 6.1 or later"))
	}
	if err := probe.TunDevice(); err != nil {
		checks = append(checks, bad("/dev/net/tun", err.Error(), "modprobe tun, and run as root"))
	} else {
		checks = append(checks, ok("/dev/net/tun", "taps can be made"))
	}
	if err := probe.BPF(); err != nil {
		checks = append(checks, warn("ebpf", err.Error(), "nftables stands in; run as root on a kernel with CONFIG_BPF_SYSCALL and without lockdown"))
	} else {
		checks = append(checks, ok("ebpf", "programs load"))
	}
	if err := probe.FastPath(); err != nil {
		checks = append(checks, warn("fast path", err.Error(), "frames go by user space, slower; run as root on Linux 5.11 or later without lockdown, or set fastpath = \"off\""))
	} else {
		checks = append(checks, ok("fast path", "the kernel can forward what is known"))
	}
	switch works, known, err := probe.Clsact(); {
	case err != nil || known && !works:
		checks = append(checks, warn("clsact", fmt.Sprintf("cannot be used: %v", err), "use a kernel with CONFIG_NET_SCH_INGRESS and CONFIG_NET_CLS_BPF"))
	case known:
		checks = append(checks, ok("clsact", "filters can be attached"))
	}
	return checks
}

// pathChecks look at the way to the outside.
func pathChecks(resolvConf string) (checks []api.Check) {
	routes, err := probe.DefaultRoutes4()
	switch {
	case err != nil:
		checks = append(checks, bad("route", err.Error(), "run in a namespace with netlink"))
	case len(routes) == 0:
		checks = append(checks, warn("route", "the host has no IPv4 default route: guests reach each other and the host only", "ip route add default via ADDRESS; it is followed at once"))
	default:
		checks = append(checks, ok("route", fmt.Sprintf("default by %s", routes[0].Device)))
		checks = append(checks, xdpCheck(routes[0].Device)...)
	}
	return append(checks, resolverCheck(resolvConf))
}

func xdpCheck(device string) []api.Check {
	if there, err := probe.XDP(device); err == nil && there {
		return []api.Check{warn("xdp", "another program's XDP is on "+device+": what it drops never reaches guests, and large packets are cut",
			"ip link show "+device+" names it; take it off if guests are slow")}
	}
	return nil
}

func resolverCheck(path string) api.Check {
	f, err := os.Open(path)
	if err != nil {
		return warn("resolvers", err.Error(), "guests get no names from outside until there is one; it is followed at once")
	}
	defer f.Close()
	servers, _, err := upstream.ParseResolvConf(f)
	if err != nil || len(servers) == 0 {
		return warn("resolvers", "none in "+path+": guests' queries are answered SERVFAIL", "add a nameserver line; it is followed at once")
	}
	names := make([]string, len(servers))
	for i, s := range servers {
		names[i] = s.Addr().String()
	}
	return ok("resolvers", strings.Join(names, ", "))
}

// networkChecks look at one running network.
func (d *Daemon) networkChecks(n *network) (checks []api.Check) {
	name := "network " + n.name
	if n.share != nil {
		return append(checks, d.sharingCheck(n))
	}
	checks = append(checks, ok(name, fmt.Sprintf("%s on %s", n.addr, n.device)))
	if what, taken, err := hostnet.Conflict(n.addr.Masked(), n.device); err == nil && taken {
		checks = append(checks, warn(name, "its subnet is now in use by the host too: "+what, "give the network another address"))
	}
	checks = append(checks, d.wayChecks(n)...)
	if n.names != nil {
		checks = append(checks, n.dnsChecks()...)
	}
	checks = append(checks, d.loopChecks(n)...)
	d.mu.Lock()
	defer d.mu.Unlock()
	checks = append(checks, d.fastCheck(n)...)
	for _, port := range n.portNames() {
		if a := n.ports[port]; a.problem != "" {
			checks = append(checks, bad("port "+port, a.problem, "see `ubridge port list`"))
		}
	}
	return checks
}

// fastCheck tells of ports that were to be on the fast path and are not. mu is held.
func (d *Daemon) fastCheck(n *network) (checks []api.Check) {
	ports, why := d.fastPorts(n)
	switch {
	case n.fast.mode == config.FastPathOff:
	case why == fastComing:
		checks = append(checks, ok("fast path "+n.name, "not yet: "+why))
	case why != "":
		checks = append(checks, warn("fast path "+n.name, "frames go by user space: "+why, "see \"fast path\" above, or set fastpath = \"off\" to be told no more"))
	default:
		checks = append(checks, ok("fast path "+n.name, fmt.Sprintf("the kernel forwards what is known, ports: %d", ports)))
	}
	return checks
}

// wayChecks look at the way between a network's guests and the outside.
func (d *Daemon) wayChecks(n *network) (checks []api.Check) {
	name, def := "network "+n.name, d.inForce(n)
	if uplinkIndex(def) == gateway.NoDevice {
		return append(checks, warn(name, "its uplink "+def.Uplink+" is not there: nothing leaves or enters",
			"bring the device back, or name another: it is followed at once"))
	}
	if untranslated(def) {
		via := "this host"
		if _, addr := d.uplinkOf(n); addr != "" {
			via = addr
		}
		checks = append(checks, ok("way "+n.name, fmt.Sprintf("routers outside need a route to %s via %s, or answers do not come back", n.addr.Masked(), via)))
	}
	return checks
}

// dnsChecks look at TCP DNS, which needs a socket of the host.
func (n *network) dnsChecks() (checks []api.Check) {
	name := "dns " + n.name
	if problem := n.names.Status().Problem; problem != "" {
		checks = append(checks, warn(name, problem, "guests' names work; others are answered SERVFAIL until a resolver comes"))
	}
	at := netip.AddrPortFrom(n.addr.Addr(), 53)
	if failed := n.tcpError.Load(); failed != nil {
		detail := fmt.Sprintf("TCP DNS on %s is not served: %v", at, *failed)
		if errors.Is(*failed, fs.ErrPermission) {
			return append(checks, warn(name, detail, "UDP DNS works; grant CAP_NET_BIND_SERVICE, or run as root"))
		}
		if h, err := probe.PortHolder(hostnet.TCP, at); err == nil && h != nil {
			detail = fmt.Sprintf("TCP port 53 on %s is taken by %s (pid %d)", at.Addr(), h.Name, h.PID)
		}
		return append(checks, warn(name, detail, "UDP DNS works; free the port (bind-interfaces or except-interface="+n.device+" in dnsmasq), it is tried again"))
	}
	if chain, drops, err := probe.InputDrops(); err == nil && drops {
		return append(checks, warn(name, "the host firewall's chain "+chain+" drops by default: it may block TCP DNS to "+at.String(),
			"allow tcp port 53 on "+n.device+"; UDP DNS and DHCP do not pass the firewall"))
	}
	return append(checks, ok(name, "UDP and TCP on "+at.String()))
}
