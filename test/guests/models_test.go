package guests

import (
	"strconv"
	"strings"
	"testing"

	"ubridge/internal/api"
	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// Each model of card goes the whole way.
func TestModels(t *testing.T) {
	for _, model := range []string{"virtio-net-pci", "e1000", "rtl8139"} {
		t.Run(model, func(t *testing.T) {
			b := newBed(t)
			one, two := b.pair(testnet.NIC{Model: model}, testnet.NIC{Model: model})
			if uid := strings.TrimSpace(b.Host.Run("ps", "-o", "uid=", "-p", strconv.Itoa(one.Proc().Pid()))); uid != strconv.Itoa(nobody) {
				t.Errorf("QEMU runs as %s", uid)
			}
			one.ping(lab.Gateway)
			one.ping(two.addr)
			one.lookup("one", one.addr)
			one.lookup("two", two.addr)
			two.lookup("one", one.addr)
			two.lookup(lab.ServerName, lab.ServerAddr)
			two.ping(lab.ServerAddr)
			one.download(4 << 20)
			two.download(4<<20 + 1)
			b.Host.Run("ping", "-c", "2", "-W", "5", one.addr)
			one.session()
			two.toHost()
			for _, m := range []*machine{one, two} {
				p := b.d.Port(m.tap)
				if p.Kind != api.KindTap || p.RxFrames == 0 || p.TxFrames == 0 {
					t.Errorf("port %+v", p)
				}
				if n := p.Drops["bad-offload"] + p.Drops["too-big"] + p.Drops["send-failed"] + p.Drops["bad-ip"]; n > 0 {
					t.Errorf("port %s dropped %v", p.Name, p.Drops)
				}
			}
		})
	}
}
