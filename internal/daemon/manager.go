package daemon

import (
	"context"
	"fmt"
	"time"

	systemd "github.com/coreos/go-systemd/v22/daemon"

	"ubridge/dataplane"
)

// notify tells the service manager that started the daemon, if one did and asked for
// it, what state it is in (sd_notify(3)). What cannot be told is logged: the manager
// would wait for it.
func (d *Daemon) notify(state string) {
	if _, err := systemd.SdNotify(false, state); err != nil {
		d.log.Warn("the service manager is not told", "state", state, "err", err)
	}
}

// ready is what notify says once everything runs.
func (d *Daemon) ready() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return fmt.Sprintf("%s\nSTATUS=%d networks active", systemd.SdNotifyReady, len(d.nets))
}

// feedWatchdog tells the service manager, as often as its unit's WatchdogSec asks for,
// that frames are still moved: that all workers come round to the barrier between two
// batches. A daemon whose workers hang, or no longer run, starves the watchdog and is
// started again. It ends with ctx.
func (d *Daemon) feedWatchdog(ctx context.Context) error {
	limit, err := systemd.SdWatchdogEnabled(false)
	if err != nil {
		return fmt.Errorf("watchdog: %w", err)
	}
	if limit == 0 {
		return nil
	}
	return feed(ctx, limit, d.worker, func() { d.notify(systemd.SdNotifyWatchdog) })
}

// feed calls alive three times within each limit while the workers turn.
func feed(ctx context.Context, limit time.Duration, w *dataplane.Worker, alive func()) error {
	ticker := time.NewTicker(limit / 3)
	defer ticker.Stop()
	for {
		if err := w.Do(ctx, func(*dataplane.Worker) {}); ctx.Err() != nil {
			return nil
		} else if err != nil {
			return err
		}
		alive()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}
