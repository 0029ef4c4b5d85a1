package nic

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"

	"ubridge/internal/hostnet"
	"ubridge/internal/wire"
)

const (
	// Patience is how long Ask listens: the questions are sent again after a
	// second and after two, as both protocols do.
	Patience = 3 * time.Second

	tries = 3

	// maxOwn is how many of the host's addresses are asked for.
	maxOwn = 8
)

// Ask finds out whether the network behind a device takes frames from a MAC
// address that is not the device's, and delivers to it: from a locally
// administered address it sends a DHCPDISCOVER (RFC 2131; no request follows, so
// no lease is taken) and ARP probes (RFC 5227: sender address 0, so nobody learns
// anything) for the default gateway and for the host's own addresses, and listens
// for at most Patience, promiscuously. A switch with port security may take
// offence at a new address, so it is for the operator to want this. It needs
// CAP_NET_RAW.
func Ask(ctx context.Context, f Facts) (*Heard, error) { return ask(ctx, f, Patience/tries) }

func ask(ctx context.Context, f Facts, between time.Duration) (*Heard, error) {
	q, err := newQuestion(f)
	if err != nil {
		return nil, err
	}
	conn, err := packet.Listen(&net.Interface{Index: f.Ifindex, Name: f.Name}, packet.Raw, everything, nil)
	if err != nil {
		return nil, fmt.Errorf("listen on %s (needs CAP_NET_RAW: run as root): %w", f.Name, err)
	}
	defer conn.Close()
	if err := errors.Join(conn.SetBPF(interesting), conn.SetPromiscuous(true)); err != nil {
		return nil, fmt.Errorf("listen promiscuously on %s: %w", f.Name, err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	for range tries {
		err := q.send(conn)
		if err == nil {
			err = q.listen(conn, time.Now().Add(between))
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("ask by %s: %w", f.Name, err)
		}
		if q.heard.Passed() {
			break // asking again can tell nothing more of the way
		}
	}
	return &q.heard, nil
}

// question is what is asked, and what came back so far.
type question struct {
	heard Heard
	nic   wire.MAC
	mac   wire.MAC
	xid   [4]byte
	own   []netip.Addr // IPv4 addresses of the host on the device
}

func newQuestion(f Facts) (*question, error) {
	q := &question{mac: wire.MAC{0x02, 0x75, 0x62}} // locally administered
	if _, err := rand.Read(q.mac[3:]); err != nil {
		return nil, err
	}
	if _, err := rand.Read(q.xid[:]); err != nil {
		return nil, err
	}
	copy(q.nic[:], f.MAC)
	q.heard.MAC = net.HardwareAddr(q.mac[:])
	for _, p := range f.Addresses {
		if p.Addr().Is4() && len(q.own) < maxOwn {
			q.own = append(q.own, p.Addr())
		}
	}
	routes, err := hostnet.DefaultRoutes()
	if err != nil {
		return nil, err
	}
	for _, r := range routes {
		if r.Ifindex == f.Ifindex && r.Gateway.Is4() {
			q.heard.Gateway = r.Gateway
			break
		}
	}
	return q, nil
}

// send sends all questions once.
func (q *question) send(conn net.PacketConn) error {
	discover, err := q.discover()
	if err != nil {
		return err
	}
	frames := [][]byte{discover}
	if q.heard.Gateway.IsValid() {
		frames = append(frames, q.probe(q.heard.Gateway))
	}
	for _, a := range q.own {
		frames = append(frames, q.probe(a))
	}
	for _, f := range frames {
		if _, err := conn.WriteTo(f, &packet.Addr{HardwareAddr: net.HardwareAddr(wire.Broadcast[:])}); err != nil {
			return err
		}
	}
	return nil
}

// listen takes what comes until the time, all of it: an answer to one question
// says nothing of the others.
func (q *question) listen(conn net.PacketConn, until time.Time) error {
	if err := conn.SetReadDeadline(until); err != nil {
		return err
	}
	frame := make([]byte, 2048)
	for {
		n, _, err := conn.ReadFrom(frame)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		q.take(frame[:n])
	}
}

// everything is ETH_P_ALL of linux/if_ether.h.
const everything = 0x0003

// interesting lets ARP and what goes to DHCP clients through (after a VLAN tag
// was stripped), and not the host's other traffic.
var interesting = assemble([]bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: wire.TypeARP, SkipTrue: 8},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire.TypeIPv4, SkipTrue: 6},
	bpf.LoadAbsolute{Off: 23, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: wire.ProtoUDP, SkipTrue: 4},
	bpf.LoadMemShift{Off: 14},
	bpf.LoadIndirect{Off: 16, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: dhcpClientPort, SkipTrue: 1},
	bpf.Jump{Skip: 1},
	bpf.RetConstant{Val: 0},
	bpf.RetConstant{Val: 2048},
})

func assemble(program []bpf.Instruction) []bpf.RawInstruction {
	raw, err := bpf.Assemble(program)
	if err != nil {
		panic(err) // the program is a constant
	}
	return raw
}

func be16(b []byte) uint16 { return binary.BigEndian.Uint16(b) }
