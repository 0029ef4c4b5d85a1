package daemon

import (
	"context"
	"errors"
	"time"

	"ubridge/dataplane"
	"ubridge/fdb"
	"ubridge/internal/wire"
)

const (
	// vouchTime is how long after the daemon's last sign of life the host's frames
	// for guests are still handed over. The daemon gives one every vouchInterval;
	// the rest is for a machine that is busy.
	vouchTime     = 5 * time.Second
	vouchInterval = time.Second
)

// keepSharing gives the kernel signs of life, and tells it which stations are
// guests' where told could not, or where they have gone.
func (n *network) keepSharing(parent context.Context, clock dataplane.Clock) {
	var ctx context.Context
	ctx, n.cancel = context.WithCancel(parent)
	n.tasks.Go(func() {
		failed := false
		for ctx.Err() == nil {
			err := errors.Join(n.share.programs.Vouch(vouchTime), n.share.sync(clock.Now().Seconds()))
			if err != nil && !failed { // once: it is tried every second
				n.log.Error("the kernel is not told which guests are there; the host may not reach them", "err", err)
			}
			failed = err != nil
			select {
			case <-ctx.Done():
			case <-time.After(clock.Now().Until(vouchInterval)):
			}
		}
	})
}

// told is the dataplane's word that a station is new on a port: it is in the
// kernel's map before the frame goes on, so that no answer to it goes to the wire.
// What fails, for want of room, sync does again within the second, and says it.
func (s *sharing) told(mac wire.MAC, on dataplane.PortID) {
	if s.isGuest(on) {
		_ = s.programs.Add(mac)
	} else {
		_ = s.programs.Remove(mac)
	}
}

func (s *sharing) isGuest(id dataplane.PortID) bool { return id != s.helperID && id != s.nicID }

// sync makes the kernel's list of guests that of the forwarding database. The
// list comes first: what told adds after it is taken for what it is, and not for
// a station that has gone.
func (s *sharing) sync(now uint32) error {
	listed, err := s.programs.Guests()
	if err != nil {
		return err
	}
	guests := s.guests(now)
	var errs []error
	for _, mac := range listed {
		if !guests[mac] {
			errs = append(errs, s.programs.Remove(mac))
		}
		delete(guests, mac)
	}
	for mac := range guests {
		errs = append(errs, s.programs.Add(mac))
	}
	return errors.Join(errs...)
}

// guests are the stations behind guests' ports.
func (s *sharing) guests(now uint32) map[[6]byte]bool {
	list := map[[6]byte]bool{}
	s.table.Walk(0, whole, now, func(st fdb.Station) {
		if s.isGuest(dataplane.PortID(st.Port)) {
			list[st.MAC] = true
		}
	})
	return list
}
