package lab

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"ubridge/internal/api"
)

// read runs a command with --json and decodes what it prints.
func read[T any](d *Daemon, args ...string) (v T) {
	d.net.T.Helper()
	out := d.Run(append(args, "--json")...)
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		d.net.T.Fatalf("ubridge %q --json: %v in:\n%s", args, err, out)
	}
	return v
}

// Networks is `net list`, running or not.
func (d *Daemon) Networks() []api.Network {
	d.net.T.Helper()
	return read[[]api.Network](d, "net", "list", "--all")
}

// Info is `net info`.
func (d *Daemon) Info(network string) api.NetworkInfo {
	d.net.T.Helper()
	list := read[[]api.NetworkInfo](d, "net", "info", network)
	if len(list) != 1 {
		d.net.T.Fatalf("net info %s: %d networks", network, len(list))
	}
	return list[0]
}

// Leases is `net leases`.
func (d *Daemon) Leases(network string) []api.Lease {
	d.net.T.Helper()
	return read[[]api.Lease](d, "net", "leases", network)
}

// Ports is `port list` of all networks, uplinks included.
func (d *Daemon) Ports() []api.Port {
	d.net.T.Helper()
	return read[[]api.Port](d, "port", "list")
}

// Port is the line of one port.
func (d *Daemon) Port(name string) api.Port {
	d.net.T.Helper()
	ports := d.Ports()
	at := slices.IndexFunc(ports, func(p api.Port) bool { return p.Name == name })
	if at < 0 {
		d.net.T.Fatalf("no port %s in %+v", name, ports)
	}
	return ports[at]
}

// Stations is `fdb` of a network.
func (d *Daemon) Stations(network string) []api.Station {
	d.net.T.Helper()
	return read[[]api.Station](d, "fdb", network)
}

// Flows is `nat flows` of a network.
func (d *Daemon) Flows(network string) []api.Flow {
	d.net.T.Helper()
	return read[[]api.Flow](d, "nat", "flows", network)
}

// Doctor is `doctor`. Its exit code tells of failed checks, so it is not looked
// at here.
func (d *Daemon) Doctor() (checks []api.Check) {
	d.net.T.Helper()
	r := d.Try("doctor", "--json")
	if err := json.Unmarshal([]byte(r.Stdout), &checks); err != nil {
		d.net.T.Fatalf("ubridge doctor --json: %v in:\n%s%s", err, r.Stdout, r.Stderr)
	}
	return checks
}

// AwaitPort waits until a port is in a state: up, down or absent.
func (d *Daemon) AwaitPort(name, state string) {
	d.net.T.Helper()
	d.net.Eventually(15*time.Second, "port "+name+" "+state, func() error {
		if p := d.Port(name); p.State != state {
			return fmt.Errorf("it is %s", p.State)
		}
		return nil
	})
}
