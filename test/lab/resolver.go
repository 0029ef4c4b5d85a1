package lab

import (
	"fmt"
	"net"
	"time"

	"ubridge/internal/testnet"
)

// Resolver is a dnsmasq that logs the queries it gets.
type Resolver struct {
	*testnet.Proc
	Addr string
}

// Resolve starts a resolver in a namespace on one of its addresses. It knows
// what args tell it (--address=/NAME/ADDRESS, --txt-record=NAME,TEXT, …), asks
// nobody, and has returned once it listens.
func (n *Net) Resolve(at *testnet.NS, addr string, args ...string) *Resolver {
	n.T.Helper()
	args = append([]string{
		"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--user=root",
		"--no-resolv", "--no-hosts", "--log-queries", "--log-facility=-",
		"--bind-interfaces", "--listen-address=" + addr,
		"--address=/#/", // any other name: NXDOMAIN
	}, args...)
	r := &Resolver{Proc: at.Start(args...), Addr: addr}
	n.Eventually(10*time.Second, "dnsmasq on "+addr, func() error {
		if !r.Running() {
			return fmt.Errorf("it ended: %s", r.Output())
		}
		return at.Do(func() error { return dials("tcp", net.JoinHostPort(addr, "53")) })
	})
	return r
}

// dials reports why nobody takes a connection at an address.
func dials(network, addr string) error {
	c, err := net.DialTimeout(network, addr, time.Second)
	if err != nil {
		return err
	}
	return c.Close()
}
