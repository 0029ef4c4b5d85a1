package fastpath

import (
	"math/rand/v2"
	"testing"

	"ubridge/dataplane/frame"
	"ubridge/dataplane/memport"
	"ubridge/internal/wire"
)

// FuzzFrames gives frames of any content to programs and core, which know each other's
// stations and flows. The seeds are the differential test's.
func FuzzFrames(f *testing.F) {
	g := generator{r: rand.New(rand.NewPCG(8, 8))}
	for range 200 {
		from, seed := g.frame()
		f.Add(byte(from-1), seed.Offload.GSOSize, seed.Data)
	}
	b := newCoreBed(f)
	f.Fuzz(func(t *testing.T, from byte, gso uint16, data []byte) {
		if len(data) < wire.EthernetLen || len(data) > 4000 {
			return
		}
		port, forHost := 1+int(from)%lastPort, wire.Ethernet(data).Dst() == nic
		switch { // what comes in by the NIC for the host is the uplink's, and nothing else is
		case port == nicPort && forHost:
			port = uplinkPort
		case port == uplinkPort && !forHost:
			port = nicPort
		}
		in := memport.Frame{Data: data}
		if o := superframe(gso); gso > 0 && port != uplinkPort && isTCP(data) && o.Valid(len(data)) {
			in.Offload = o
		}
		err := b.ns.Do(func() error {
			if err := b.enter(); err != nil {
				return err
			}
			_, err := b.compare(&g, port, in)
			return err
		})
		if err != nil {
			t.Fatalf("port %d: %v", port, err)
		}
	})
}

// superframe is what a device says of plain TCP that is to be segmented.
func superframe(gso uint16) frame.Offload {
	return frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 16, GSO: frame.GSOTCP4, GSOSize: gso}
}

// isTCP reports whether a frame is TCP behind a header without options.
func isTCP(data []byte) bool {
	return wire.Ethernet(data).Type() == wire.TypeIPv4 && len(data) >= 54 && data[14] == 0x45 && data[23] == wire.ProtoTCP
}
