package api

import (
	"context"
	"iter"
)

// Backend is the control interface. Errors are *Error, or are taken for Failed.
//
// A network argument that may be empty means all networks; a network that does
// not exist is NotFound. The consumer of an iterator may be slow, so an iterator
// holds no lock between two elements; it yields an error at most once, last,
// and ends when ctx does.
type Backend interface {
	// Networks lists all networks, by name.
	Networks(ctx context.Context) ([]Network, error)
	// Network tells all about one.
	Network(ctx context.Context, network string) (NetworkInfo, error)
	// Create defines, autostarts and starts a network; Conflict if it exists. One
	// that is given as XML is transient.
	Create(ctx context.Context, r CreateRequest) (NetworkInfo, error)
	// Define writes or replaces a definition; Conflict if it is read-only.
	Define(ctx context.Context, r DefineRequest) (NetworkInfo, error)
	// DumpXML is a network's definition in libvirt's form: as it runs, with what
	// was chosen for it, or, if it does not run or inactive is set, as it is
	// defined.
	DumpXML(ctx context.Context, network string, inactive bool) (string, error)
	// Undefine forgets a definition; an active network goes on until it stops.
	Undefine(ctx context.Context, network string) error
	// Start returns when the network forwards; Conflict if it is active.
	Start(ctx context.Context, network string) error
	// Stop returns when all is gone that the network made on the host.
	Stop(ctx context.Context, network string) error

	// Restore stops what uses a NIC and takes off it what ubridge has put there,
	// also what a dead daemon has left. It may be called at any time, and again.
	Restore(ctx context.Context, nic string) (Restored, error)
	// Restart stops a network and starts it as it is defined, while guests keep
	// their link and, where the subnet stays, their connections; Conflict if it is
	// not active. A network that does not start again is put back as it was.
	Restart(ctx context.Context, network string) error
	// Change changes a definition, a running network, or both. Nothing is changed
	// unless all of it can be: Conflict if a guest would lose its lease.
	Change(ctx context.Context, r ChangeRequest) (ChangeResult, error)
	// Definition gives a definition as text.
	Definition(ctx context.Context, network string) (Definition, error)
	// Events yields what happens until ctx ends. The first element is the zero
	// Event: from there on nothing is missed that the reader has time for.
	Events(ctx context.Context, r EventRequest) iter.Seq2[Event, error]
	// Import defines a network as another tool had it, with its leases; Conflict
	// if it exists and is not to be replaced. What fails leaves nothing behind.
	Import(ctx context.Context, r ImportRequest) (Network, error)
	// Imports lists the imports that can be undone.
	Imports(ctx context.Context) ([]Import, error)
	// UndoImport takes an import back: the network with its leases and ports is
	// gone, and one that it replaced is there again.
	UndoImport(ctx context.Context, network string) error

	// AddPort returns when the port forwards, or at once when it was a port of
	// the network already.
	AddPort(ctx context.Context, r AddPortRequest) (Port, error)
	// GuestStarted notes which guest is behind which device, and makes those ports
	// that name a network, for as long as their devices exist. What fails does not
	// keep it from the rest.
	GuestStarted(ctx context.Context, r GuestRequest) ([]Port, error)
	// DeletePort detaches a port and forgets it.
	DeletePort(ctx context.Context, r DeletePortRequest) error
	// Ports lists the ports of a network or of all.
	Ports(ctx context.Context, network string) ([]Port, error)

	// Leases yields the leases that have not expired, of a network or of all.
	Leases(ctx context.Context, network string) iter.Seq2[Lease, error]
	// FDB yields the stations of a network or of all.
	FDB(ctx context.Context, network string) iter.Seq2[Station, error]
	// Flows yields the translated flows of a network or of all.
	Flows(ctx context.Context, network string) iter.Seq2[Flow, error]

	// Doctor checks what the daemon needs from the host.
	Doctor(ctx context.Context) ([]Check, error)
	// DoctorUplink checks whether a NIC can be shared with guests; NotFound if
	// there is none of that name. Only a probe sends anything.
	DoctorUplink(ctx context.Context, r UplinkRequest) ([]Check, error)
	// Status is the state of the whole daemon.
	Status(ctx context.Context) (Status, error)
}
