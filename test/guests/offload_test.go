package guests

import (
	"strings"
	"testing"

	"ubridge/internal/testnet"
)

// allOff is a virtio card that negotiates nothing.
const allOff = "csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off," +
	"host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off"

// What two virtio guests negotiate is used between them: superframes cross
// whole. A guest that negotiates nothing gets ordinary frames, and sends them.
func TestOffloads(t *testing.T) {
	b := newBed(t)
	one, two := b.pair(testnet.NIC{}, testnet.NIC{})
	plain := b.launch("plain", testnet.NIC{DeviceOptions: allOff})
	plain.WaitReady()
	plain.lease()

	if in, out := b.copy(one, two); in < 4000 || out < 4000 {
		t.Errorf("frames of %.0f bytes came in and of %.0f went out on average: offloads are not used", in, out)
	}
	if in, out := b.copy(one, plain); in < 4000 || out < 4000 {
		t.Errorf("towards the plain card frames of %.0f came in and of %.0f went out: the kernel cuts for it, not we", in, out)
	}
	if in, out := b.copy(plain, two); in > 1514 || out > 1514 {
		t.Errorf("frames of %.0f bytes came in from the plain card, of %.0f went out", in, out)
	}
}

// copy sends a file from one machine to another, compares the digests, and says
// how long frames were on average, from the one and to the other.
func (b *bed) copy(from, to *machine) (in, out float64) {
	b.T.Helper()
	want := from.Run("head -c 16000000 /dev/urandom >/tmp/file; sha256sum </tmp/file")
	to.Run(`printf '#!/bin/sh\nsha256sum >/tmp/sum\n' >/tmp/sink; chmod +x /tmp/sink
		(nc -l -p 9999 -e /tmp/sink; touch /tmp/done) >/dev/null 2>&1 &
		while ! netstat -ltn | grep -q :9999; do sleep 0.1; done`)
	inBefore, outBefore := b.d.Port(from.tap), b.d.Port(to.tap)
	from.Run("nc " + to.addr + " 9999 </tmp/file")
	got := to.Run("while [ ! -e /tmp/done ]; do sleep 0.1; done; rm /tmp/done; cat /tmp/sum")
	if strings.TrimSpace(got) != strings.TrimSpace(want) || len(got) < 64 {
		b.T.Errorf("from %s to %s: SHA-256 %s, want %s", from.Config.Name, to.Config.Name, got, want)
	}
	inAfter, outAfter := b.d.Port(from.tap), b.d.Port(to.tap)
	in = float64(inAfter.RxBytes-inBefore.RxBytes) / float64(inAfter.RxFrames-inBefore.RxFrames)
	out = float64(outAfter.TxBytes-outBefore.TxBytes) / float64(outAfter.TxFrames-outBefore.TxFrames)
	b.T.Logf("%s to %s: %.0f bytes a frame in, %.0f out", from.Config.Name, to.Config.Name, in, out)
	return in, out
}

// A tap with two queues serves a guest with two.
func TestTwoQueues(t *testing.T) {
	b := newBed(t)
	one, two := b.pair(testnet.NIC{Queues: 2}, testnet.NIC{})
	if p := b.d.Port(one.tap); p.Queues != 2 {
		t.Errorf("port %+v, want two queues", p)
	}
	if queues := one.Run("ls /sys/class/net/eth0/queues"); !strings.Contains(queues, "rx-1") {
		t.Errorf("the guest has %s", queues)
	}
	one.ping(two.addr)
	b.copy(one, two)
	b.copy(two, one)
	one.download(4 << 20)
}
