package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"ubridge/dataplane"
	"ubridge/internal/api"
	"ubridge/internal/config"
)

// relay is what the dataplane is to pass on of the groups reserved for bridges.
func relay(def config.Network) dataplane.Relay {
	return dataplane.Relay{
		STP: slices.Contains(def.GroupForward, config.ForwardSTP),
		PAE: slices.Contains(def.GroupForward, config.Forward8021X),
	}
}

// heldPort is a held port with the bridge it is on.
type heldPort struct {
	api.Loop
	bridge dataplane.BridgeID
}

// loops are the held ports. The dataplane is not asked where there never was one.
func (d *Daemon) loops(ctx context.Context) map[dataplane.PortID]heldPort {
	held := map[dataplane.PortID]heldPort{}
	if d.worker.HoldChanges() == 0 {
		return held
	}
	_ = d.worker.Do(ctx, func(w *dataplane.Worker) { // none once it has stopped
		for _, h := range w.Holds() {
			port, _ := w.Port(h.Port)
			with, ok := w.Port(h.With)
			if !ok {
				with = port
			}
			since := time.Now().Add(-time.Duration(w.Now() - h.Since)).Unix()
			held[h.Port] = heldPort{api.Loop{Port: port.Name, With: with.Name, Since: since}, h.Bridge}
		}
	})
	return held
}

// loopsOf are the loops of one network.
func (d *Daemon) loopsOf(ctx context.Context, n *network) (list api.Loops) {
	for _, h := range d.loops(ctx) {
		if h.bridge == n.bridge {
			list = append(list, h.Loop)
		}
	}
	slices.SortFunc(list, func(a, b api.Loop) int { return int(a.Since - b.Since) })
	return list
}

const loopFix = "take one of the two out of the guest's bridge, or off the LAN"

func (d *Daemon) loopChecks(n *network) (checks []api.Check) {
	for _, l := range d.loopsOf(context.Background(), n) {
		checks = append(checks, warn("loop "+n.name,
			fmt.Sprintf("ports %s and %s are joined outside of the network; nothing is flooded from or to %s", l.Port, l.With, l.Port),
			loopFix))
	}
	return checks
}

// loopTime is how long after the end of a loop the same one is no news: where hardly
// anything is broadcast, a hold ends while the loop is still there.
const loopTime = 10 * time.Minute

// loopWatch is what has been said of loops.
type loopWatch struct {
	changes uint64                        // HoldChanges when it last looked
	held    map[dataplane.PortID]heldPort // then
	said    map[dataplane.PortID]saidLoop
}

type saidLoop struct {
	at   time.Time  // when the port was last seen held
	news slog.Level // of the latest hold
}

// sayLoops logs loops that began and ended since the last call, the same one once.
func (d *Daemon) sayLoops(ctx context.Context, l *loopWatch) {
	changes := d.worker.HoldChanges()
	if changes == l.changes {
		return
	}
	was, now := l.held, time.Now()
	l.changes, l.held = changes, d.loops(ctx)
	if l.said == nil {
		l.said = map[dataplane.PortID]saidLoop{}
	}
	for id, h := range l.held {
		if _, still := was[id]; still {
			continue
		}
		begun, ended := slog.LevelWarn, slog.LevelInfo
		if now.Sub(l.said[id].at) < loopTime {
			begun, ended = slog.LevelDebug, slog.LevelDebug
		}
		l.said[id] = saidLoop{now, ended}
		d.log.Log(ctx, begun, "loop: two ports are joined outside of the network; nothing is flooded from or to the first one meanwhile",
			"network", d.networkOn(h.bridge), "port", h.Port, "with", h.With, "fix", loopFix)
	}
	for id, h := range was {
		if _, still := l.held[id]; !still {
			d.log.Log(ctx, l.said[id].news, "no more signs of a loop; the port floods again", "network", d.networkOn(h.bridge), "port", h.Port)
			l.said[id] = saidLoop{now, l.said[id].news}
		}
	}
}

// networkOn is the name of the network of a bridge.
func (d *Daemon) networkOn(id dataplane.BridgeID) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, n := range d.nets {
		if n.bridge == id {
			return name
		}
	}
	return ""
}
