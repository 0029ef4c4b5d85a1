package dataplane

import (
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ubridge/internal/wire"
)

// policy is the calling thread's scheduling policy.
func policy(t *testing.T) uint32 {
	t.Helper()
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	return a.Policy
}

// A worker becomes a realtime thread when it is loaded and an ordinary one when
// it no longer is, with some room between the two.
func TestALoadedWorkerTakesPrecedence(t *testing.T) {
	if unix.Geteuid() != 0 {
		t.Fatal("run it as root: precedence needs CAP_SYS_NICE")
	}
	done := make(chan bool)
	go func() { // on a thread that ends with it
		defer close(done)
		runtime.LockOSThread()
		l, now := load{allowed: true}, Time(0)
		for i, step := range []struct {
			busy  int // percent
			batch int
			want  uint32
		}{
			{30, 32, unix.SCHED_NORMAL}, {40, 32, unix.SCHED_RR}, {30, 3, unix.SCHED_RR}, {15, 32, unix.SCHED_NORMAL}, {30, 32, unix.SCHED_NORMAL},
			{40, 32, unix.SCHED_RR}, {90, 2, unix.SCHED_NORMAL}, {90, 32, unix.SCHED_NORMAL}, // woken for each frame: stands aside
		} {
			for k := range 100 {
				l.begin(now)
				if l.end(k < step.busy); k < step.busy {
					l.received(step.batch)
				}
				now = now.Add(time.Millisecond)
			}
			l.begin(now)
			if l.judge(now); policy(t) != step.want {
				t.Errorf("step %d, %d %% at work: policy %d, want %d", i, step.busy, policy(t), step.want)
			}
		}
		l.allowed = false
		l.judge(now.Add(time.Second))
		if policy(t) != unix.SCHED_NORMAL {
			t.Error("it takes what it is not allowed")
		}
	}()
	<-done
}

// Many frames in small batches make a worker wait for larger ones, until there are
// few frames; few frames never do.
func TestPacing(t *testing.T) {
	l, now := load{}, Time(0)
	l.judge(now)
	for i, step := range []struct {
		batches, frames int
		want            bool
	}{
		{5000, 5000, false}, {5000, 15000, true}, {500, 15000, true}, {400, 12800, true}, {200, 9000, false}, {500, 15000, false}, {2000, 31000, true},
	} {
		for b := range step.batches {
			l.received(step.frames*(b+1)/step.batches - step.frames*b/step.batches)
		}
		now = now.Add(100 * time.Millisecond)
		if l.judge(now); l.paced != step.want {
			t.Errorf("step %d, %d frames in %d batches: paced %v", i, step.frames, step.batches, l.paced)
		}
	}
}

// After a second of silence a worker waits in the runtime's poller, and a frame, a
// command and the end still wake it.
func TestDozing(t *testing.T) {
	for workers := 1; workers <= 2; workers++ {
		c := newCrew(t, workers, 2)
		stop := c.start()
		dozing := func() bool {
			var all bool
			_ = c.Do(t.Context(), func(w *Worker) {
				all = true
				for _, o := range w.all {
					all = all && o.poll.doze.file != nil
				}
			})
			return all
		}
		for n := range uint32(3) {
			c.wait("silence", dozing)
			c.ports[0].Inject(numbered(wire.Broadcast, vm(0), n))
			c.wait("a frame", func() bool { return len(c.ports[1].Sent()) == 1 })
			if workers == 1 && dozing() {
				t.Error("it dozes though there was a frame")
			}
		}
		c.wait("silence", dozing)
		stop()
	}
}

// TestLoadIsKnownSoonAfterASilence, whose next tick was to be far, and from then on as
// always.
func TestLoadIsKnownSoonAfterASilence(t *testing.T) {
	w, err := newWorker()
	if err != nil {
		t.Fatal(err)
	}
	defer w.free()
	now := Time(0).Add(5 * time.Second)
	w.nextTick = now.Add(IdleInterval)
	w.load.judged, w.load.idle = now.Add(-IdleInterval), Time(IdleInterval)
	for range 3 {
		w.hurry(now)
		if want := Time(0).Add(5*time.Second + TickInterval); w.nextTick != want {
			t.Fatalf("the next tick is at %d, want %d", w.nextTick, want)
		}
		now = now.Add(TickInterval / 3)
	}
	if s := w.load.share(Time(0).Add(5*time.Second + TickInterval)); s < 0.99 {
		t.Errorf("all of the time since then was work, and the load is %v", s)
	}
}
