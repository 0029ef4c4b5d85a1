package dataplane_test

import (
	"testing"

	"ubridge/dataplane"
	"ubridge/dataplane/frame"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

// A resumed forwarding database knows stations behind a remembered port whose
// device has not come back: frames for them are flooded like others for unknown
// stations.
func TestAStationBehindAPortThatIsNotThereIsUnknown(t *testing.T) {
	for name, port := range map[string]uint16{"never added": 9, "removed": 2} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t, frame.Caps{MTU: 1500}, frame.Caps{MTU: 1500}, frame.Caps{MTU: 1500})
			b.do(func(w *dataplane.Worker) {
				if port == 2 {
					if err := w.RemovePort(2).Close(); err != nil {
						t.Error(err)
					}
				}
				if got := w.Bridge(1).FDB().Learn(mac(7), port, w.Now().Seconds()); got != fdb.Learned {
					t.Errorf("not learned: %v", got)
				}
			})
			b.inject(1, ether(mac(7), mac(1), wire.TypeIPv4, 60))
			if sent := b.ports[2].Sent(); len(sent) != 1 {
				t.Errorf("%d frames on the other port, want 1", len(sent))
			}
		})
	}
}
