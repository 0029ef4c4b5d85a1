package daemon

import (
	"context"
	"errors"
	"fmt"

	"ubridge/internal/api"
	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/nic"
)

// DoctorUplink implements api.Backend: whether a NIC can be shared with guests.
func (b backend) DoctorUplink(ctx context.Context, r api.UplinkRequest) ([]api.Check, error) {
	return uplinkChecks(ctx, r, func(dev hostnet.Device) nic.Role {
		b.d.mu.Lock()
		defer b.d.mu.Unlock()
		return b.d.role(dev, nil)
	})
}

// HostUplinkChecks are DoctorUplink without a daemon.
func HostUplinkChecks(ctx context.Context, r api.UplinkRequest) ([]api.Check, error) {
	return uplinkChecks(ctx, r, func(hostnet.Device) nic.Role { return nic.Role{} })
}

func uplinkChecks(ctx context.Context, r api.UplinkRequest, role func(hostnet.Device) nic.Role) ([]api.Check, error) {
	f, err := nic.Look(r.Device)
	if errors.Is(err, hostnet.ErrNoDevice) {
		return nil, api.Errorf(api.NotFound, "%v", err)
	}
	if err != nil {
		return nil, err
	}
	works := "can be shared with guests: ubridge net create NAME --mode bridge --uplink " + f.Name
	if f.Role = role(f.Device); f.Role.Shared { // so it can be
		works = "is " + f.Role.What + ": " + f.Role.Fix
		f.Role = nic.Role{}
	}
	list := nic.Judge(f)
	if r.Probe && nic.Refusal(list) == nil {
		if f.Heard, err = nic.Ask(ctx, f); err != nil {
			return nil, err
		}
		list = nic.Judge(f)
	}
	return verdict(f.Name, works, list), nil
}

// verdict puts findings in doctor's words, the sum of them first.
func verdict(device, works string, list []nic.Finding) []api.Check {
	statuses := map[nic.Level]string{nic.Fine: api.CheckOK, nic.Warning: api.CheckWarn, nic.Refused: api.CheckFail}
	worst := nic.Fine
	var checks []api.Check
	for _, one := range list {
		worst = max(worst, one.Level)
		checks = append(checks, api.Check{Check: one.Check, Status: statuses[one.Level], Detail: one.Detail, Fix: one.Fix})
	}
	sum := api.Check{Check: device, Status: statuses[worst], Detail: works}
	if worst == nic.Refused {
		sum.Detail = "cannot be shared with guests as it is"
	}
	return append([]api.Check{sum}, checks...)
}

// role tells what a device is to this daemon's networks but one already, in so far
// as it cannot be shared by that one too. d.mu is held.
func (d *Daemon) role(dev hostnet.Device, but *network) nic.Role {
	if p := d.state.port(dev.Name); p != nil {
		return nic.Role{What: "a port of network " + p.Network, Fix: fmt.Sprintf("ubridge port del %s %s first", p.Network, dev.Name)}
	}
	for name, n := range d.nets {
		switch {
		case n == but:
		case n.device == dev.Name && n.share == nil:
			return nic.Role{What: "the host port of network " + name, Fix: "add the guests there"}
		case n.device == dev.Name:
			return nic.Role{What: "the helper of network " + name, Fix: "add the guests there"}
		case n.share != nil && n.share.on(dev, n.def.Uplink):
			return nic.Role{What: "the uplink of network " + name, Fix: "add the guests there", Shared: true}
		}
	}
	return nic.Role{}
}
