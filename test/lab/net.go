package lab

import (
	"testing"

	"ubridge/internal/testnet"
)

// Addresses of the scene.
const (
	HostAddr   = "10.9.0.2"     // of the host's eth0, prefix length 24
	RouterAddr = "10.9.0.1"     // of the server's eth0: the host's gateway and resolver
	ServerAddr = "198.51.100.1" // of the server, behind that gateway
	ServerName = "server.test"  // what the resolver calls ServerAddr
	Gateway    = "192.168.122.1"
)

// Net is a scene: the host's and the server's namespaces, and what is added.
type Net struct {
	*testnet.Lab
	T      *testing.T
	Host   *testnet.NS // where daemons run
	Server *testnet.NS // everything outside
	Names  *Resolver   // at RouterAddr; nil in a scene made by Quiet
	script string      // what udhcpc calls
}

// New makes a scene with a resolver and an HTTP server outside. Prefix names the
// suite, as testnet.New has it.
func New(t *testing.T, prefix string) *Net {
	t.Helper()
	n := Quiet(t, prefix)
	n.Names = n.Resolve(n.Server, RouterAddr, "--address=/"+ServerName+"/"+ServerAddr)
	n.Host.Etc("resolv.conf", "nameserver "+RouterAddr+"\n")
	n.serveHTTP()
	return n
}

// Quiet makes a scene without any service outside; the host knows no resolver.
func Quiet(t *testing.T, prefix string) *Net {
	t.Helper()
	testnet.Require(t, "ip", "busybox", "dnsmasq", "curl")
	n := &Net{Lab: testnet.New(t, prefix), T: t}
	n.Host, n.Server = n.NS("host"), n.NS("server")
	n.Veth(n.Host, "eth0", n.Server, "eth0")
	n.Host.Addr("eth0", HostAddr+"/24")
	n.Server.Addr("eth0", RouterAddr+"/24")
	n.Server.Addr("lo", ServerAddr+"/32")
	n.Host.Route("default", "via", RouterAddr)
	n.script = n.writeScript()
	return n
}
