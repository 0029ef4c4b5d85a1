package dataplane

import (
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// fuzzCaps are ports from one that takes everything to one that takes nothing.
var fuzzCaps = []frame.Caps{
	{Csum: true, TSO4: true, TSO6: true, USO: true, MTU: 9000},
	{Csum: true, TSO4: true, MTU: 1500},
	{Csum: true, MTU: 1500},
	{MTU: 1280},
}

// forwarder is a Handler that sends what it is given on, so that all ways out of
// a batch are gone: to a port, to the host, flooded, answered, dropped.
type forwarder struct{}

func (forwarder) FromBridge(c *Cycle, br BridgeID, in PortID, which []uint16) {
	fromHost := c.Worker().Bridge(br).HostPort() == in
	for _, i := range which {
		b := c.Frame(i).Bytes()
		switch way := b[len(b)-1] % 5; {
		case way == 0 && !fromHost:
			c.ToHost(i, br)
		case way == 1 && fromHost:
			c.ToBridge(i, br)
		case way == 2:
			c.Flood(i, br)
		case way == 3 && fromHost:
			if j, f := c.Originate(); f != nil {
				copy(f.Grow(len(b)), b)
				c.Own().ToBridge(j, br)
			}
		default:
			c.Drop(i, frame.NotRouted)
		}
	}
}

func (forwarder) FromUplink(*Cycle, PortID, []uint16) {}
func (forwarder) Tick(*Cycle) bool                    { return false }

// Whatever frames arrive, in whatever batches, the switch does not crash, gives
// every frame and every buffer back, echoes nothing to its port, and sends a port
// only what that takes.
func FuzzSwitch(f *testing.F) {
	w, ports := fuzzSwitch(f)
	free := w.arena.Free()
	tcp := append([]byte{8, 0, 0x45, 0, 0x05, 0x14, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, make([]byte, 1280)...)
	tcp[22+12] = 0x50
	f.Add(uint8(0), tcp, uint8(1), uint8(2), uint8(1), uint8(1), uint16(400), uint16(34), uint16(16), uint8(3))
	f.Add(uint8(3), []byte{8, 0, 1, 2, 3}, uint8(0xff), uint8(3), uint8(0), uint8(0), uint16(0), uint16(0), uint16(0), uint8(40))
	f.Add(uint8(1), append([]byte{0x81, 0, 0, 5}, tcp...), uint8(4), uint8(9), uint8(1), uint8(1), uint16(30), uint16(38), uint16(16), uint8(1))
	f.Fuzz(func(t *testing.T, from uint8, payload []byte, dst, src, flags, gso uint8, size, start, offset uint16, copies uint8) {
		if len(payload) > 60000 {
			return
		}
		in := ports[int(from)%len(ports)]
		for i := range copies % 80 {
			data := append([]byte{2, 0, 0, 0, 0, dst, 2, 0, 0, 0, 0, src + i%3}, payload...)
			if dst == 0xff {
				copy(data, wire.Broadcast[:])
			}
			in.Inject(memport.Frame{Data: data, Offload: frame.Offload{
				Flags: flags, GSO: frame.GSO(gso), GSOSize: size, CsumStart: start, CsumOffset: offset,
			}})
		}
		for in.Pending() {
			w.process(w.ports[1+int(from)%len(ports)], w.clock.Now())
		}
		w.cutBatch.Reset()
		if w.arena.Free() != free {
			t.Errorf("%d buffers free, want %d", w.arena.Free(), free)
		}
		for i, p := range ports {
			sent := p.Sent()
			if p.Lent() != 0 {
				t.Errorf("port %d: %d frames not released", i+1, p.Lent())
			}
			for _, s := range sent {
				if p == in {
					t.Errorf("echoed to port %d: %x", i+1, s.Data)
				}
				if !fuzzCaps[i].Takes(s.Offload) || s.Offload != (frame.Offload{}) && !s.Offload.Valid(len(s.Data)) {
					t.Errorf("port %d was sent %+v", i+1, s.Offload)
				}
			}
			if c := &w.ports[i+1].counters; c.Drops[frame.SendFailed] != 0 {
				t.Errorf("port %d refused %d frames", i+1, c.Drops[frame.SendFailed])
				c.Drops[frame.SendFailed] = 0
			}
		}
	})
}

// fuzzSwitch is a switch that no goroutine runs, with the host on the last port.
func fuzzSwitch(tb testing.TB) (*Worker, []*memport.Port) {
	tb.Helper()
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, MaxPorts: 8, PortLimit: 40})
	if err != nil {
		tb.Fatal(err)
	}
	w, err := NewWorker(forwarder{}, 1)
	if err != nil {
		tb.Fatal(err)
	}
	w.AddBridge(0, BridgeConfig{FDB: table, Station: wire.MAC{2, 0, 0, 0, 0, 0xfe}, TakeDHCP: true, JudgeHost: true})
	var ports []*memport.Port
	for i, caps := range fuzzCaps {
		ports = append(ports, memport.New(caps))
		w.AddPort(PortID(i+1), 0, "p", ports[i])
	}
	w.SetHostPort(PortID(len(ports)))
	return w, ports
}
