package bench

import (
	"path/filepath"
	"strconv"
	"time"
)

// These translators end TCP and UDP themselves and use sockets of mid: what the
// outside sees is a process of mid.

// holder keeps a process in a, whose namespace the translators want by pid.
func (b *bed) holder() string {
	return strconv.Itoa(b.start(b.a, "sleep", "infinity").Pid())
}

// pasta copies mid's address into a. Its tap has the MTU 65520 unless told
// otherwise, which is its documented best.
func pasta(b *bed) {
	b.uplink()
	b.start(b.mid, "pasta", "--foreground", "--quiet", "--config-net", "--ns-ifname", "eth0",
		"--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
		"--runas", "0", "--netns-only", b.a.Path())
	b.appears(b.a, "eth0")
}

// slirp4netns has an MTU of 1500 unless told otherwise; 65520 is what its
// documentation recommends for speed.
func slirp4netns(b *bed) {
	b.uplink()
	ready := filepath.Join(b.lab.Dir(), "slirp")
	b.check(writeFile(ready, ""))
	b.start(b.mid, "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", b.holder(), "eth0").
		WaitFor("MTU: +65520", 10*time.Second)
	b.appears(b.a, "eth0")
}
