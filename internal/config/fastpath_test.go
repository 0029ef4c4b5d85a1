package config

import "testing"

// TestFastPathMode: a network's own word comes first.
func TestFastPathMode(t *testing.T) {
	for _, c := range []struct{ own, def, want FastPath }{
		{"", FastPathAuto, FastPathAuto},
		{FastPathOff, FastPathKernel, FastPathOff},
		{FastPathKernel, FastPathOff, FastPathKernel},
	} {
		if got := (Network{FastPath: c.own}).FastPathMode(c.def); got != c.want {
			t.Errorf("own %q, the daemon's %q: %q, want %q", c.own, c.def, got, c.want)
		}
	}
}

// TestFastPathOfANetwork is read, checked and written back.
func TestFastPathOfANetwork(t *testing.T) {
	n, err := ParseNetwork("lab", []byte("fastpath = 'kernel'\n"))
	if err != nil || n.FastPath != FastPathKernel {
		t.Fatalf("%q, %v", n.FastPath, err)
	}
	if again, err := ParseNetwork("lab", n.Marshal()); err != nil || !again.Equal(n) {
		t.Errorf("read back: %+v, %v", again, err)
	}
	_, err = ParseNetwork("lab", []byte("fastpath = 'on'\n"))
	wantFaults(t, err, []string{`lab.toml:1: fastpath: there is no fast path named "on"; use off, auto or kernel`})
}

// TestParseFastPath says what would be right.
func TestParseFastPath(t *testing.T) {
	if p, err := ParseFastPath("auto"); p != FastPathAuto || err != nil {
		t.Errorf("%q, %v", p, err)
	}
	if _, err := ParseFastPath("yes"); err == nil || err.Error() != `there is no fast path named "yes"; use off, auto or kernel` {
		t.Errorf("%v", err)
	}
}
