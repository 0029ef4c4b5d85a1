package main

import (
	"fmt"
	"os"
	"time"

	"ubridge/internal/testnet"
)

// Addresses of the beds: the endpoints share a subnet behind a switch; behind a
// translator the server is outside.
const (
	clientCIDR  = "192.168.122.10/24"
	serverCIDR  = "192.168.122.20/24"
	switched    = "192.168.122.20"
	gatewayCIDR = "192.168.122.1/24"
	gateway     = "192.168.122.1"
	uplinkCIDR  = "10.9.0.2/24"
	outsideCIDR = "10.9.0.1/24"
	outside     = "10.9.0.1"
)

func scenarios() []scenario {
	return []scenario{
		{"veth to veth", "Two namespaces, each behind a veth; ubridge attaches to the veths by AF_PACKET.",
			[]peer{{"kernel bridge", vethBridge}, {"ubridge", vethUbridge}}},
		{"tap to tap", "Two namespaces, each behind a pair of taps with a process between them, as QEMU would be.",
			[]peer{{"kernel bridge", tapBridge}, {"ubridge", tapUbridge}}},
		{"through NAT", "A namespace behind a veth to a server outside, masqueraded.",
			[]peer{{"kernel bridge + iptables MASQUERADE", iptablesNAT}, {"ubridge", ubridgeNAT}}},
		{"the host's own traffic on the uplink", "From the host itself to the server outside, without ubridge and with it running, its uplink open and idle.",
			[]peer{{"without ubridge", hostAlone}, {"ubridge idle", hostBeside}}},
	}
}

// endpoints joins client and server to the host by veths and addresses them in
// one subnet.
func endpoints(b *bed) {
	b.lab.Veth(b.host, "vc", b.client, "eth0")
	b.lab.Veth(b.host, "vs", b.server, "eth0")
	b.client.Addr("eth0", clientCIDR)
	b.server.Addr("eth0", serverCIDR)
	b.target = switched
}

func vethBridge(b *bed) {
	endpoints(b)
	kernelBridge(b, "vc", "vs")
}

func vethUbridge(b *bed) {
	endpoints(b)
	daemon(b, "vc", "vs")
}

// kernelBridge joins devices by br0, with br_netfilter off where it exists.
func kernelBridge(b *bed, devices ...string) {
	b.host.Bridge("br0", devices...)
	if _, err := b.host.Try("sysctl", "-n", "net.bridge.bridge-nf-call-iptables"); err == nil {
		b.host.Sysctl("net.bridge.bridge-nf-call-iptables", "0")
	}
}

// daemon runs ubridge in the host namespace with the devices as ports.
func daemon(b *bed, devices ...string) {
	bin := testnet.Binary(&runner{})
	sock := b.lab.Dir() + "/run/ubridge.sock"
	p := b.host.Start(bin, "run", "--state-dir", b.lab.Dir()+"/state", "--runtime-dir", b.lab.Dir()+"/run")
	b.lab.Eventually(10*time.Second, "the daemon answers", func() error {
		_, err := b.host.Try(bin, "--socket", sock, "net", "list")
		if err != nil && !p.Running() {
			return fmt.Errorf("%w: %s", err, p.Output())
		}
		return err
	})
	for _, dev := range devices {
		b.host.Run(bin, "--socket", sock, "port", "add", "default", dev)
	}
}

// taps puts a pair of taps with a process between where the veths were.
func taps(b *bed) {
	for _, end := range []struct {
		ns        *testnet.NS
		dev, cidr string
	}{{b.client, "tc", clientCIDR}, {b.server, "ts", serverCIDR}} {
		b.host.Tap(end.dev, 0, 1)
		self, err := os.Executable()
		if err != nil {
			panic(fatal{err})
		}
		b.host.Start(self, "wire", end.dev, end.ns.Path(), "eth0").WaitFor("ready", 10*time.Second)
		end.ns.Up("eth0")
		end.ns.Addr("eth0", end.cidr)
	}
	b.target = switched
}

func tapBridge(b *bed) {
	taps(b)
	b.host.Up("tc")
	b.host.Up("ts")
	kernelBridge(b, "tc", "ts")
}

func tapUbridge(b *bed) {
	taps(b)
	daemon(b, "tc", "ts")
}

// uplink joins the host to the server outside.
func uplink(b *bed) {
	b.lab.Veth(b.host, "eth0", b.server, "eth0")
	b.host.Addr("eth0", uplinkCIDR)
	b.server.Addr("eth0", outsideCIDR)
	b.host.Route("default", "via", outside)
	b.target = outside
}

// inside joins the client to the host and routes it by the gateway.
func inside(b *bed) {
	b.lab.Veth(b.host, "vc", b.client, "eth0")
	b.client.Addr("eth0", clientCIDR)
}

func iptablesNAT(b *bed) {
	uplink(b)
	inside(b)
	kernelBridge(b, "vc")
	b.host.Addr("br0", gatewayCIDR)
	b.host.Sysctl("net.ipv4.ip_forward", "1")
	b.host.Run("iptables", "-t", "nat", "-A", "POSTROUTING", "-s", "192.168.122.0/24", "!", "-d", "192.168.122.0/24", "-j", "MASQUERADE")
	b.client.Route("default", "via", gateway)
}

func ubridgeNAT(b *bed) {
	uplink(b)
	inside(b)
	daemon(b, "vc")
	b.client.Route("default", "via", gateway)
}

func hostAlone(b *bed) {
	uplink(b)
	inside(b)
	b.client = b.host
}

func hostBeside(b *bed) {
	uplink(b)
	inside(b)
	daemon(b, "vc")
	b.client.Route("default", "via", gateway)
	b.client.Run("ping", "-c", "2", "-i", "0.2", outside) // opens the uplink
	b.client = b.host
}
