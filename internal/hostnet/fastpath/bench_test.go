package fastpath

import (
	"testing"

	"github.com/cilium/ebpf"

	"ubridge/internal/wire"
)

// BenchmarkPrograms measures what a classifier that decides alone costs for a frame, by
// the kernel's own clock (BPF_PROG_TEST_RUN).
func BenchmarkPrograms(b *testing.B) {
	bed := newCoreBed(b)
	for _, id := range []int{1, 2} {
		check(b, bed.path.Learn(Station{Network: network, MAC: vmMAC(id), Ifindex: bed.ifindex[id]}))
	}
	for _, c := range []struct {
		name string
		dst  wire.MAC
	}{
		{"switched", vmMAC(2)},
		{"unknown", wire.MAC{2, 7}},
	} {
		b.Run(c.name, func(b *testing.B) {
			src := vmMAC(1)
			data := append(append(append(c.dst[:6:6], src[:]...), 0x88, 0xb5), make([]byte, 46)...)
			run := ebpf.RunOptions{Data: data, Repeat: uint32(b.N), Context: skContext{Ifindex: uint32(bed.ifindex[1])}}
			bed.ns.Must(func() error { _, err := bed.path.objects.Port.Run(&run); return err })
		})
	}
}
