package api

import (
	"context"
	"encoding/json"
	"net/http"
)

// ImportRequest defines a network as another tool had it, with the leases that its
// guests hold, so that they keep their addresses. The daemon journals how to take
// it back.
type ImportRequest struct {
	Name   string  `json:"name"`
	TOML   string  `json:"toml"`
	Kind   string  `json:"kind"`             // of the other tool: interfaces, ifcfg, netplan, dnsmasq or libvirt
	From   string  `json:"from"`             // the file or name there
	Leases []Lease `json:"leases,omitempty"` // IPv4; Network, Prefix and Protocol are not read
	Start  bool    `json:"start,omitempty"`

	// Replace lets a network of that name, which must have no ports, make room
	// until the import is undone.
	Replace bool `json:"replace,omitempty"`
	// Check tells whether the import would be taken, and changes nothing.
	Check bool `json:"check,omitempty"`
	// Undo is what the importer itself needs to take its part back.
	Undo json.RawMessage `json:"undo,omitempty"`
}

// Import is an import that can be undone.
type Import struct {
	Network string          `json:"network"`
	Kind    string          `json:"kind"`
	From    string          `json:"from"`
	Time    int64           `json:"time"` // unix seconds
	Undo    json.RawMessage `json:"undo,omitempty"`
}

// Import implements Backend.
func (c *Client) Import(ctx context.Context, r ImportRequest) (n Network, err error) {
	return n, c.do(ctx, http.MethodPost, networkPath(r.Name, "import"), r, &n)
}

// Imports implements Backend.
func (c *Client) Imports(ctx context.Context) (list []Import, err error) {
	return list, c.do(ctx, http.MethodGet, "/v1/imports", nil, &list)
}

// UndoImport implements Backend.
func (c *Client) UndoImport(ctx context.Context, network string) error {
	return c.do(ctx, http.MethodDelete, networkPath(network, "import"), nil, nil)
}

func (h *handler) importNetwork(r *http.Request) (any, error) {
	var req ImportRequest
	if err := body(r, &req); err != nil {
		return nil, err
	}
	req.Name = r.PathValue("network")
	return h.backend.Import(r.Context(), req)
}

func (h *handler) imports(r *http.Request) (any, error) {
	return orEmpty(h.backend.Imports(r.Context()))
}

func (h *handler) undoImport(r *http.Request) (any, error) {
	return nil, h.backend.UndoImport(r.Context(), r.PathValue("network"))
}
