package switching

import (
	"fmt"
	"testing"
	"time"

	"ubridge/internal/api"
)

const settleTime = 20 * time.Second

// Two ports joined by a wire are a loop, and one broadcast is a storm. It must
// not take the daemon away from whoever can end it, nor outlast the wire.
func TestLoop(t *testing.T) {
	b := newBed(t, "")
	g := b.guest(plug{})
	b.Veth(b.Host, "loopa", b.Host, "loopb")
	for _, port := range []string{"loopa", "loopb"} {
		b.d.Run("port", "add", "default", port)
		b.d.AwaitPort(port, api.StateUp)
	}
	before := b.d.Port("loopa").RxFrames
	g.station(t).send(ether(broadcast, mac(1), experimental, 60))
	b.Eventually(settleTime, "a storm", func() error {
		if n := b.d.Port("loopa").RxFrames - before; n < 10000 {
			return fmt.Errorf("only %d frames so far", n)
		}
		return nil
	})
	start := time.Now()
	b.d.Run("port", "del", "default", "loopb")
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the daemon took %v to let go of a port in the storm", took)
	}
	b.settled(t, "loopa", g.port)
	b.alive(g)
}
