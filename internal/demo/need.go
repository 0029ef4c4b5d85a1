package demo

import (
	"errors"
	"fmt"
	"os"
	"strings"
)

// need is something of the machine without which there is no tour.
type need struct {
	what      string
	there     func() bool
	pkg       string // the Debian package that brings it, if one does
	otherwise string // what to do where no package helps
}

var needs = []need{
	{what: "root", there: func() bool { return os.Geteuid() == 0 }, otherwise: "run it by sudo"},
	{what: "/dev/net/tun", there: func() bool { return exists("/dev/net/tun") }, otherwise: "modprobe tun"},
	{what: "ip", there: func() bool { return installed("ip") }, pkg: "iproute2"},
	{what: "a DHCP client (udhcpc or dhclient)", there: func() bool { return dhcpClient() != nil }, pkg: "udhcpc"},
}

// checkNeeds names all that is missing at once, and the commands that bring it.
func checkNeeds() error {
	var missing, packages, advice []string
	for _, n := range needs {
		if n.there() {
			continue
		}
		missing = append(missing, n.what)
		if n.pkg != "" {
			packages = append(packages, n.pkg)
		} else {
			advice = append(advice, n.otherwise)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	if len(packages) > 0 {
		advice = append(advice, "apt-get install "+strings.Join(packages, " "))
	}
	return fmt.Errorf("the demo needs %s: %s", strings.Join(missing, ", "), strings.Join(advice, "; "))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
