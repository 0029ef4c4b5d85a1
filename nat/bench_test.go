package nat

import (
	"encoding/binary"
	"fmt"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/internal/wire"
)

// established is a table with n UDP streams, a packet of each way for one of
// them, and a way to aim both at another.
type established struct {
	tab     *Table
	out, in []byte
	ports   []uint16
	op, ip  Packet
}

func newEstablished(tb testing.TB, n int) *established {
	// 4,096 inside endpoints, n/4,096 remotes each.
	tab := newTable(tb, func(c *Config) { c.Sessions, c.Mappings, c.FirstPort, c.LastPort = 2*n+2, 1<<15, 1, 65535 })
	e := &established{tab: tab}
	for i := range n {
		b := udp(alice, uint16(i&4095), benchRemote(i), 53).bytes()
		p := outPacket(b, nil)
		if r := tab.Outbound(1, p); r != frame.Forwarded {
			tb.Fatal(r)
		}
		if i < 4096 {
			e.ports = append(e.ports, outsidePort(b))
		}
		e.in = reply(b, 0).bytes()
		tab.Inbound(1, inPacket(e.in, nil))
	}
	e.out = udp(alice, 0, benchRemote(0), 53).bytes()
	e.in = udp(benchRemote(0), 53, host, e.ports[0]).bytes()
	e.op = *outPacket(e.out, nil)
	e.ip = *inPacket(e.in, nil)
	return e
}

func benchRemote(i int) wire.IP4 { return wire.IP4FromUint32(0xc6336400 + uint32(i>>12)) }

// sendOut makes the packet one of flow i, by its fields alone, and sends it.
func (e *established) sendOut(i int, now Time) frame.Reason {
	copy(e.out[12:], alice[:])
	r := benchRemote(i)
	copy(e.out[16:], r[:])
	binary.BigEndian.PutUint16(e.out[20:], uint16(i&4095))
	return e.tab.Outbound(now, &e.op)
}

func (e *established) sendIn(i int, now Time) frame.Reason {
	r := benchRemote(i)
	copy(e.in[12:], r[:])
	copy(e.in[16:], host[:])
	binary.BigEndian.PutUint16(e.in[22:], e.ports[i&4095])
	return e.tab.Inbound(now, &e.ip)
}

func BenchmarkEstablished(b *testing.B) {
	for _, n := range []int{1, 1000, 100000} {
		e := newEstablished(b, n)
		run := func(name string, send func(int, Time) frame.Reason, tick func(i int) Time) {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				b.ReportAllocs()
				x := uint32(1)
				for i := range b.N {
					x = x*1664525 + 1013904223
					if r := send(int(uint64(x)*uint64(n)>>32), tick(i)); r != frame.Forwarded {
						b.Fatal(r)
					}
				}
			})
		}
		still := func(int) Time { return 2 }
		run("out", e.sendOut, still)
		run("in", e.sendIn, still)
		// Every packet in another second: the worst case for renewal.
		if n > 1 {
			now := Time(2)
			run("renew", e.sendOut, func(i int) Time {
				if i%n == 0 {
					now++
				}
				return now
			})
		}
	}
}

// BenchmarkNewFlow opens flows of new inside endpoints beyond a guest's share,
// so that each also gives up an old one.
func BenchmarkNewFlow(b *testing.B) {
	tab := newTable(b)
	k := udp(alice, 0, server, 53).bytes()
	p := outPacket(k, nil)
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		copy(k[12:], alice[:])
		binary.BigEndian.PutUint16(k[20:], uint16(i))
		if r := tab.Outbound(1, p); r != frame.Forwarded {
			b.Fatal(r)
		}
	}
}

// BenchmarkSweep is Expire's price for 1,000 live sessions.
func BenchmarkSweep(b *testing.B) {
	e := newEstablished(b, 100000)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		e.tab.Expire(2, 1000)
	}
}

func BenchmarkResume(b *testing.B) {
	e := newEstablished(b, 100000)
	b.ResetTimer()
	for range b.N {
		cfg := Config{FirstPort: 1, LastPort: 65535, Seed: [2]uint64{1, 2}, Now: 2,
			Memory: State{Sessions: e.tab.sessions, Mappings: e.tab.mappings}}
		if must(New(cfg)).Stats().Sessions != 100000 {
			b.Fatal("sessions lost")
		}
	}
}

func TestPacketPathAllocatesNothing(t *testing.T) {
	e := newEstablished(t, 5000)
	i, now := 0, Time(2)
	frags := cut(pkt{src: alice, dst: server, proto: wire.ProtoUDP, sport: 1, dport: 2, body: bodyOf(3000)}, 1480)
	flow := udp(bob, 0, server, 53).bytes()
	newFlow, fragment := outPacket(flow, nil), outPacket(frags[0], nil)
	errorIn := icmpError(third, host, wire.ICMPUnreachable, udp(host, e.ports[0], benchRemote(0), 53).bytes()).bytes()
	fresh := make([]byte, len(errorIn))
	paths := map[string]func(){
		"established out": func() { e.sendOut(i%5000, now) },
		"established in":  func() { e.sendIn(i%5000, now) },
		"renewal":         func() { now++; e.sendOut(i%5000, now) },
		"error": func() {
			copy(fresh, errorIn)
			if r := e.tab.Inbound(now, inPacketInto(&e.ip, fresh)); r != frame.Forwarded {
				t.Fatal(r)
			}
		},
		"new flow": func() {
			copy(flow[12:], bob[:])
			binary.BigEndian.PutUint16(flow[20:], uint16(i))
			if r := e.tab.Outbound(now, newFlow); r != frame.Forwarded {
				t.Fatal(r)
			}
		},
		"fragments out of order": func() {
			for _, f := range [][]byte{frags[2], frags[1], frags[0]} {
				copy(f[12:], alice[:])
				wire.IPv4(f).FillChecksum()
				fragment.L3 = f
				e.tab.Outbound(now, fragment)
			}
			for range fragment.Released {
				e.tab.NextReleased(fragment)
			}
			e.tab.Expire(now, 1)
		},
		"expiry": func() { now += 40; e.tab.Expire(now, 500) },
	}
	for _, name := range []string{"established out", "established in", "error", "new flow", "fragments out of order", "renewal", "expiry"} {
		e.ip = *inPacket(e.in, nil)
		if n := testing.AllocsPerRun(200, func() { i++; paths[name]() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
	if e.tab.Stats().Sessions != 0 && e.tab.Stats().Ended == 0 {
		t.Error("nothing expired")
	}
}

func inPacketInto(p *Packet, b []byte) *Packet {
	p.L3 = b
	return p
}
