package steer

import "testing"

// A clsact without filters is what a kill between two steps leaves.
func TestAnEmptyClsactIsRemoved(t *testing.T) {
	b := newBed(t)
	has := func(want bool, when string) {
		t.Helper()
		b.host.Must(func() error {
			if got, err := HasClsact(b.ifindex); err != nil || got != want {
				t.Errorf("%s: has clsact %v, %v", when, got, err)
			}
			return nil
		})
	}
	remove := func() {
		t.Helper()
		b.host.Must(func() error { return RemoveClsact(b.ifindex) })
	}
	has(false, "at first")
	remove()
	b.host.Run("tc qdisc add dev v0 clsact")
	has(true, "after a kill")
	s := open(t, b.host, Options{First: heldPort, Last: heldPort})
	b.host.Must(func() error { return s.AttachSilence(b.ifindex) })
	remove()
	has(true, "with a filter")
	b.host.Must(func() error { return s.DetachSilence(b.ifindex) })
	has(true, "found as it was")
	remove()
	has(false, "in the end")
	b.host.Must(func() error {
		has, err := HasClsact(4711)
		if has || err != nil {
			t.Errorf("no such device: %v, %v", has, err)
		}
		return RemoveClsact(4711)
	})
}
