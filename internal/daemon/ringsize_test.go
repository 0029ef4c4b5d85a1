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
