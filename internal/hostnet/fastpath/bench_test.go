package fastpath

import (
	"testing"

	"github.com/cilium/ebpf"
)

// BenchmarkProgram is the time that the classifier takes for one frame of a known
// station to another, decision and all, without the device's own.
func BenchmarkProgram(b *testing.B) {
	bed := newCoreBed(b)
	for i := 1; i <= 2; i++ {
		check(b, bed.path.Learn(Station{Network: network, MAC: guestMAC(i), Ifindex: bed.ifindex[i]}))
	}
	to, from := guestMAC(2), guestMAC(1)
	data := append(append(append([]byte{}, to[:]...), from[:]...), make([]byte, 48)...)
	data[12], data[13] = 0x88, 0xb5
	bed.ns.Must(func() error {
		b.ResetTimer()
		ret, err := bed.path.objects.Port.Run(&ebpf.RunOptions{
			Data: data, Context: skContext{Ifindex: uint32(bed.ifindex[1])}, Repeat: uint32(b.N),
		})
		if ret != 7 { // TC_ACT_REDIRECT
			b.Errorf("the program returned %d", ret)
		}
		return err
	})
}
