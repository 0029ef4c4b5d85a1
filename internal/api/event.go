package api

// Types of events, and what can have happened.
const (
	EventLifecycle = "lifecycle" // defined, undefined, started, stopped, updated
	EventLease     = "lease"     // added, changed, removed
	EventPort      = "port"      // added, removed, up, down
)

// EventTypes are the types of events.
func EventTypes() []string { return []string{EventLifecycle, EventLease, EventPort} }

// Event is something that happened to a network.
type Event struct {
	Time    float64 `json:"time"` // unix seconds
	Type    string  `json:"type"`
	Network string  `json:"network"`
	Event   string  `json:"event"`
	Port    string  `json:"port,omitempty"`
	MAC     string  `json:"mac,omitempty"`
	IP      string  `json:"ip,omitempty"`
	Name    string  `json:"hostname,omitempty"`
	Expires int64   `json:"expires,omitempty"` // of a lease, unix seconds; 0: never

	// Lost is how many events before this one the subscriber did not get, since
	// it read too slowly.
	Lost uint64 `json:"lost,omitempty"`
}

// EventRequest selects events.
type EventRequest struct {
	Network string // empty: of all networks
	Type    string // empty: of all types
}
