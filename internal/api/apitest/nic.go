package apitest

import (
	"context"

	"ubridge/internal/api"
)

// Restore implements api.Backend: a NIC eth0 has a filter on it, once.
func (b *Backend) Restore(_ context.Context, nic string) (api.Restored, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if nic != "eth0" {
		return api.Restored{}, api.Errorf(api.NotFound, "there is no NIC %s", nic)
	}
	r := api.Restored{NIC: nic, Removed: api.Strings{}}
	if !b.restored {
		r.Removed = append(r.Removed, "network lan, which is stopped now")
	}
	b.restored = true
	return r, nil
}

// Doctor implements api.Backend.
func (b *Backend) Doctor(context.Context) ([]api.Check, error) { return b.Checks, nil }

// DoctorUplink implements api.Backend: the only NIC is eth0, and it can be shared.
func (b *Backend) DoctorUplink(_ context.Context, r api.UplinkRequest) ([]api.Check, error) {
	if r.Device != "eth0" {
		return nil, api.Errorf(api.NotFound, "%s: no such network device", r.Device)
	}
	checks := []api.Check{{Check: r.Device, Status: api.CheckOK, Detail: "can be shared with guests"}}
	if r.Probe {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.Requests = append(b.Requests, r)
		checks = append(checks, api.Check{Check: "probe", Status: api.CheckOK, Detail: "heard"})
	}
	return checks, nil
}
