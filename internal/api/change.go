package api

// ChangeRequest changes a network: its definition, what runs, or both. Exactly
// one of TOML, XML, Set and Update says how.
//
// With neither Live nor Config the one that is there is changed: what runs if the
// network is active, else the definition, as with virsh's --current.
type ChangeRequest struct {
	Network string   `json:"network"`
	TOML    string   `json:"toml,omitempty"`   // the whole definition anew
	XML     string   `json:"xml,omitempty"`    // the same, in libvirt's form
	Set     []string `json:"set,omitempty"`    // each KEY=VALUE, keys as in the file
	Update  *Update  `json:"update,omitempty"` // one element, as virsh net-update
	Live    bool     `json:"live,omitempty"`
	Config  bool     `json:"config,omitempty"`
	DryRun  bool     `json:"dry_run,omitempty"` // check, and say what would be done
	Since   string   `json:"since,omitempty"`   // Definition.TOML that TOML or XML was made from; Conflict if it is no more
}

// Update is one element to add, delete or modify. XML or Words hold it.
type Update struct {
	Command string   `json:"command"` // add, add-first, add-last, delete or modify
	Section string   `json:"section"` // such as ip-dhcp-host
	XML     string   `json:"xml,omitempty"`
	Words   []string `json:"words,omitempty"` // each KEY=VALUE, an attribute of the element
}

// ChangeResult is what a change did, or with DryRun would do.
type ChangeResult struct {
	Network string `json:"network"`
	Live    bool   `json:"live"`   // what runs is changed
	Config  bool   `json:"config"` // the definition is changed
	Steps   []Step `json:"steps"`  // empty: nothing differs
}

// Moments at which a step takes effect.
const (
	EffectNow     = "now"     // while guests are attached, or when the network starts
	EffectRestart = "restart" // `net restart`
	EffectDaemon  = "daemon"  // the daemon's next start
)

// Step is one key of a definition that changes.
type Step struct {
	Key    string  `json:"key"`
	Lines  Strings `json:"lines"`  // what goes, each with "- " before it, and what comes, with "+ "
	Effect string  `json:"effect"` // now, restart or daemon
	Note   string  `json:"note"`   // what is to be known of the effect; may be empty
}

// Definition is a network's definition as text.
type Definition struct {
	Network  string `json:"network"`
	TOML     string `json:"toml"`      // empty: the network is transient
	Running  string `json:"running"`   // what is in force, as TOML; empty: not active
	File     string `json:"file"`      // where it is kept
	ReadOnly bool   `json:"read_only"` // the administrator's
}
