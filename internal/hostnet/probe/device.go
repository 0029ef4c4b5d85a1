package probe

import (
	"fmt"

	"ubridge/internal/hostnet"
)

// DefaultRoutes4 lists the host's IPv4 default routes; none is no error.
func DefaultRoutes4() ([]hostnet.DefaultRoute, error) {
	all, err := hostnet.DefaultRoutes()
	if err != nil {
		return nil, err
	}
	var ours []hostnet.DefaultRoute
	for _, r := range all {
		if r.Family == 4 {
			ours = append(ours, r)
		}
	}
	return ours, nil
}

// XDP tells whether another program's XDP is on the device: what it drops or
// redirects never reaches us, and on a veth it makes the peer stop using GSO.
func XDP(device string) (bool, error) {
	d, err := hostnet.DeviceInfo(device)
	if err != nil {
		return false, fmt.Errorf("look for XDP: %w", err)
	}
	return d.XDP, nil
}
