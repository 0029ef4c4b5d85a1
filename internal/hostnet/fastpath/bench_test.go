package fastpath

import (
	"testing"

	"github.com/cilium/ebpf"

	"ubridge/internal/wire"
)

// BenchmarkPrograms measures what a classifier that decides alone costs for a frame, by
// the kernel's own clock (BPF_PROG_TEST_RUN).
func BenchmarkPrograms(b *testing.B) {
	w := newTwins(b)
	w.introduce()
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"switched", ether(guestMAC(portB), guestMAC(portA), 0x88b5, make([]byte, 46))},
		{"unknown", ether(wire.MAC{2, 7}, guestMAC(portA), 0x88b5, make([]byte, 46))},
	} {
		b.Run(c.name, func(b *testing.B) {
			run := ebpf.RunOptions{Data: c.data, Repeat: uint32(b.N), Context: skBuff{Ifindex: uint32(w.devices[portA])}}
			w.ns.Must(func() error { _, err := w.path.objects.Port.Run(&run); return err })
		})
	}
}
