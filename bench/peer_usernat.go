package bench

import (
	"errors"
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
// otherwise, which is its documented best. It would take b, which is mid's
// gateway, for mid's loopback.
func pasta(b *bed) {
	b.uplink()
	b.start(b.mid, "pasta", "--foreground", "--quiet", "--no-map-gw", "--config-net", "--ns-ifname", "eth0",
		"--tcp-ports", "none", "--udp-ports", "none", "--tcp-ns", "none", "--udp-ns", "none",
		"--runas", "0", "--netns-only", "--netns", b.a.Path())
	b.appears(b.a, "eth0")
}

// slirp4netns has an MTU of 1500 unless told otherwise; 65520 is what its
// documentation recommends for speed.
func slirp4netns(b *bed) {
	b.uplink()
	b.start(b.mid, "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback", b.holder(), "eth0")
	b.lab.Eventually(10*time.Second, "slirp4netns sets a route", func() error {
		routes, err := b.a.Try("ip", "route", "show", "default")
		if err == nil && routes == "" {
			err = errors.New("there is none")
		}
		return err
	})
}
