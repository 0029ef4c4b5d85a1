package daemon

import "testing"

func TestRingsOfManyPortsPinLittle(t *testing.T) {
	sum := 0
	for attached := range 256 {
		sum += ringBytes(attached)
		if attached == 1 && sum != 2*fullRing {
			t.Errorf("two ports have %d bytes of rings, want %d", sum, 2*fullRing)
		}
	}
	if want := 96 << 20; sum != want {
		t.Errorf("256 ports have %d bytes of rings, want %d", sum, want)
	}
}

func TestRingsThatRunOverGrowWithinABudget(t *testing.T) {
	for _, c := range []struct{ now, total, want int }{
		{fullRing, 2 * fullRing, longRing},
		{fullRing / 4, 96 << 20, longRing},
		{longRing, 2 * longRing, longRing},
		{fullRing, ringsBudget - longRing + fullRing, longRing},
		{fullRing, ringsBudget - longRing + fullRing + 1, fullRing},
	} {
		if got := grownRing(c.now, c.total); got != c.want {
			t.Errorf("a ring of %d bytes among %d grows to %d, want %d", c.now, c.total, got, c.want)
		}
	}
}
