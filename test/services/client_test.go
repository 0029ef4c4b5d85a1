package services

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// client is one of the DHCP clients that guests run.
type client struct {
	name string
	// start runs it in the foreground; files of its own go into dir.
	start func(n *lab.Net, g *lab.Guest, dir string) *testnet.Proc
	// renew asks for a renewal at once; nil where time alone brings it.
	renew func(p *testnet.Proc)
	// rebinds tells that it takes seconds, not most of the lease, until it asks
	// whoever hears it, where a renewal is not answered.
	rebinds bool
	// release gives the lease back and ends the client.
	release func(g *lab.Guest, p *testnet.Proc, dir string)
	// reboots tells that it remembers its lease over its own restart and asks
	// to have it confirmed.
	reboots bool
}

var udhcpc = client{
	name:    "udhcpc",
	rebinds: true,
	start: func(n *lab.Net, g *lab.Guest, dir string) *testnet.Proc {
		return g.Start("busybox", "udhcpc", "-f", "-R", "-i", "eth0", "-t", "20", "-T", "1", "-x", "hostname:"+g.Host,
			"-s", script(n.T, dir, "#!/bin/sh\nevent=$1\naddress=$ip/$mask\n"))
	},
	renew: func(p *testnet.Proc) { p.Signal(syscall.SIGUSR1) },
	release: func(_ *lab.Guest, p *testnet.Proc, _ string) {
		_ = p.Stop() // -R releases; its exit code tells of the signal
	},
}

var dhclient = client{
	name:    "dhclient",
	reboots: true,
	rebinds: true,
	start: func(n *lab.Net, g *lab.Guest, dir string) *testnet.Proc {
		conf := filepath.Join(dir, "dhclient.conf")
		write(n.T, conf, fmt.Sprintf("send host-name %q;\nrequest subnet-mask, routers, domain-name-servers;\n"+
			"initial-interval 1;\nbackoff-cutoff 2;\nreboot 5;\nretry 3;\n"+
			"supersede dhcp-renewal-time 4;\nsupersede dhcp-rebinding-time 8;\n", g.Host))
		return g.Start(append([]string{"dhclient", "-4", "-d", "-v", "-cf", conf}, dhclientFiles(n, dir)...)...)
	},
	release: func(g *lab.Guest, p *testnet.Proc, dir string) {
		p.WaitFor("bound to "+regexp.QuoteMeta(g.Addr)+" ", waitLong)
		p.Kill() // or it may renew what the other one has just released
		g.Run(append([]string{"dhclient", "-4", "-r", "-v"}, dhclientFiles(nil, dir)...)...)
	},
}

func dhclientFiles(n *lab.Net, dir string) []string {
	path := filepath.Join(dir, "script")
	if n != nil {
		path = script(n.T, dir, "#!/bin/bash\nevent=$reason\naddress=$new_ip_address/$new_subnet_mask\n")
	}
	return []string{"-pf", filepath.Join(dir, "pid"), "-lf", filepath.Join(dir, "leases"), "-sf", path, "eth0"}
}

var dhcpcd = client{
	name:    "dhcpcd",
	reboots: true,
	start: func(n *lab.Net, g *lab.Guest, dir string) *testnet.Proc {
		conf := filepath.Join(dir, "dhcpcd.conf")
		write(n.T, conf, "ipv4only\nnoarp\nnodelay\nnohook resolv.conf\nhostname "+g.Host+"\nclientid\n")
		db := filepath.Join(dir, "db")
		if err := os.MkdirAll(db, 0o777); err != nil {
			n.T.Fatal(err)
		}
		// Its folders are fixed at build time: each run has its own behind them,
		// in the mount namespace that "ip netns exec" has made.
		return g.Start("sh", "-c", "mkdir -p /run/dhcpcd /var/lib/dhcpcd && mount -t tmpfs none /run/dhcpcd && mount --bind "+db+
			" /var/lib/dhcpcd && exec dhcpcd --nobackground --debug --config "+conf+" --script /bin/true eth0")
	},
	renew: func(p *testnet.Proc) { p.Signal(syscall.SIGUSR1) },
	release: func(_ *lab.Guest, p *testnet.Proc, _ string) {
		p.Signal(syscall.SIGALRM)
		_ = p.Wait(waitLong) // its exit code says nothing
	},
}

// script writes what a client calls. The head sets event and address.
func script(t *testing.T, dir, head string) string {
	t.Helper()
	path := filepath.Join(dir, "script")
	write(t, path, head+`case $event in
deconfig|PREINIT|EXPIRE|FAIL|RELEASE|STOP) ip -4 addr flush dev eth0; ip link set eth0 up ;;
bound|renew|BOUND|RENEW|REBIND|REBOOT)
	ip -4 -o addr show dev eth0 | grep -q " ${address%/*}/" || { ip -4 addr flush dev eth0; ip addr add $address dev eth0; } ;;
esac
exit 0
`)
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// address is what the client has set on the guest's card; empty for none.
func address(g *lab.Guest) string {
	for _, field := range strings.Fields(g.Run("ip", "-4", "-o", "addr", "show", "dev", "eth0")) {
		if a, _, cidr := strings.Cut(field, "/"); cidr && strings.Count(a, ".") == 3 {
			return a
		}
	}
	return ""
}
