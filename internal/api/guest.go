package api

import (
	"context"
	"net/http"
)

// GuestRequest tells of a guest that runs, as libvirt's hook does.
type GuestRequest struct {
	Domain     string           `json:"domain"`
	Interfaces []GuestInterface `json:"interfaces"`
}

// GuestInterface is a guest's card on a device of the host.
type GuestInterface struct {
	Port    string `json:"port"`              // device
	MAC     string `json:"mac"`               // of the guest
	Network string `json:"network,omitempty"` // to be a port of; empty: not for us to say
}

func (h *handler) guestStarted(r *http.Request) (any, error) {
	var req GuestRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	return orEmpty(h.backend.GuestStarted(r.Context(), req))
}

// GuestStarted implements Backend.
func (c *Client) GuestStarted(ctx context.Context, r GuestRequest) (list []Port, err error) {
	return list, c.do(ctx, http.MethodPost, "/v1/guests", r, &list)
}
