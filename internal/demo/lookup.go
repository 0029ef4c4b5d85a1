package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"ubridge/internal/testnet"
)

// dial connects from inside a namespace. It waits no longer than limit, since
// the calling thread is in there meanwhile.
func dial(ctx context.Context, n *testnet.NS, network, addr string, limit time.Duration) (c net.Conn, err error) {
	err = n.Do(func() error {
		c, err = (&net.Dialer{Timeout: limit}).DialContext(ctx, network, addr)
		return err
	})
	return c, err
}

// lookup asks the gateway for the address of a name. It is a resolver of our
// own: that of package net would read this machine's files.
func lookup(ctx context.Context, n *testnet.NS, host string) (addr netip.Addr, err error) {
	for range 3 {
		if addr, err = lookupOnce(ctx, n, host); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		err = fmt.Errorf("look up %s at %s: %w", host, gateway, err)
	}
	return addr, err
}

func lookupOnce(ctx context.Context, n *testnet.NS, host string) (netip.Addr, error) {
	c, err := dial(ctx, n, "udp4", net.JoinHostPort(gateway, "53"), time.Second)
	if err != nil {
		return netip.Addr{}, err
	}
	defer c.Close()
	query, id, err := question(host)
	if err != nil {
		return netip.Addr{}, err
	}
	if err := errors.Join(c.SetDeadline(time.Now().Add(2*time.Second)), write(c, query)); err != nil {
		return netip.Addr{}, err
	}
	answer := make([]byte, 1500)
	size, err := c.Read(answer)
	if err != nil {
		return netip.Addr{}, err
	}
	return firstA(answer[:size], id)
}

func write(c net.Conn, b []byte) error {
	_, err := c.Write(b)
	return err
}

// question makes a query for the IPv4 address of a host.
func question(host string) (query []byte, id uint16, err error) {
	name, err := dnsmessage.NewName(host + ".")
	if err != nil {
		return nil, 0, err
	}
	id = uint16(rand.Uint32())
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	query, err = m.Pack()
	return query, id, err
}

// firstA finds the address in an answer to the query of that id.
func firstA(answer []byte, id uint16) (netip.Addr, error) {
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil {
		return netip.Addr{}, err
	}
	if m.ID != id {
		return netip.Addr{}, errors.New("the answer is to another question")
	}
	for _, r := range m.Answers {
		if a, ok := r.Body.(*dnsmessage.AResource); ok {
			return netip.AddrFrom4(a.A), nil
		}
	}
	return netip.Addr{}, fmt.Errorf("no address in the answer (%v)", m.RCode)
}
