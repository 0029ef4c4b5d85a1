package demo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"ubridge/internal/testnet"
	"ubridge/internal/wire"
)

// pings is how many echoes a ping sends; the first finds the way (ARP).
const pings = 5

func (t *tour) pingGuests() string {
	inside, err := t.ping(t.first, t.secondAddr)
	if err != nil {
		t.Fatalf("guest1 pings guest2: %v", err)
	}
	toHost, err := t.ping(t.first, gateway)
	if err != nil {
		t.Fatalf("guest1 pings the host: %v", err)
	}
	outside, err := t.ping(t.first, serverFar)
	if err != nil {
		t.Fatalf("guest1 pings the server: %v", err)
	}
	return fmt.Sprintf("from guest1: guest2 %v, the host %v, through NAT %v (best of %d)", inside, toHost, outside, pings)
}

// ping sends echoes from a namespace, each of which must come back, and returns
// the shortest round trip.
func (t *tour) ping(n *testnet.NS, addr string) (best time.Duration, err error) {
	c, err := dial(t.ctx, n, "ip4:icmp", addr, time.Second)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	for seq := range uint16(pings) {
		t.checkContext()
		took, err := echo(c, seq+1)
		if err != nil {
			return 0, fmt.Errorf("echo %d of %d: %w", seq+1, pings, err)
		}
		if best == 0 || took < best {
			best = took
		}
	}
	return best.Round(time.Microsecond), nil
}

// echo sends one and waits for its reply: the same bytes (RFC 792).
func echo(c net.Conn, seq uint16) (time.Duration, error) {
	const typeEcho, typeReply, identifier = 8, 0, 0x7562
	m := make([]byte, 64)
	m[0] = typeEcho
	binary.BigEndian.PutUint16(m[4:], identifier)
	binary.BigEndian.PutUint16(m[6:], seq)
	copy(m[8:], "ubridge demo")
	binary.BigEndian.PutUint16(m[2:], ^wire.Fold(wire.Sum(m, 0)))
	began := time.Now()
	if err := errors.Join(c.SetDeadline(began.Add(2*time.Second)), write(c, m)); err != nil {
		return 0, err
	}
	got := make([]byte, 1500)
	for {
		size, err := c.Read(got)
		if err != nil {
			return 0, err
		}
		// A raw socket reads the IPv4 header as well (raw(7)).
		reply := got[:size]
		reply = reply[min(size, int(reply[0]&0xf)*4):]
		if len(reply) == len(m) && reply[0] == typeReply && bytes.Equal(reply[4:], m[4:]) {
			return time.Since(began), nil
		}
	}
}
