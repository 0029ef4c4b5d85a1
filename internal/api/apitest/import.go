package apitest

import (
	"context"
	"slices"

	"ubridge/internal/api"
)

// Import implements api.Backend.
func (b *Backend) Import(_ context.Context, r api.ImportRequest) (api.Network, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, exists := b.networks[r.Name]; exists && !r.Replace {
		return api.Network{}, api.Errorf(api.Conflict, "network %s exists already; choose another name", r.Name)
	}
	if r.Check {
		return api.Network{Name: r.Name}, nil
	}
	b.Requests = append(b.Requests, r)
	n := stoppedNetwork(r.Name)
	n.Active = r.Start
	b.networks[r.Name] = n
	b.imports = append(b.imports, api.Import{Network: r.Name, Kind: r.Kind, From: r.From, Time: 1700000000, Undo: r.Undo})
	return n.Network, nil
}

// Imports implements api.Backend.
func (b *Backend) Imports(context.Context) ([]api.Import, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.imports), nil
}

// UndoImport implements api.Backend.
func (b *Backend) UndoImport(_ context.Context, network string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	i := slices.IndexFunc(b.imports, func(m api.Import) bool { return m.Network == network })
	if i < 0 {
		return api.Errorf(api.NotFound, "network %s was not imported", network)
	}
	b.imports = slices.Delete(b.imports, i, i+1)
	delete(b.networks, network)
	return nil
}
