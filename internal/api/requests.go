package api

// CreateRequest defines a network, sets its autostart and starts it, in one
// step. With TOML the definition is that text and the other fields are empty;
// else it is made of the fields, defaults for those that are empty.
//
// With XML the definition is that text, in libvirt's form, and the network is
// transient, as with virsh net-create: it runs, is defined nowhere, and is
// forgotten when it stops. A daemon that was killed resumes it.
type CreateRequest struct {
	Name   string `json:"name"` // empty with XML, which has the name in it
	TOML   string `json:"toml,omitempty"`
	XML    string `json:"xml,omitempty"`
	File   string `json:"file,omitempty"` // how messages call the XML
	Mode   string `json:"mode,omitempty"`
	Subnet string `json:"subnet,omitempty"` // as config.ParseSubnet takes it
	MTU    int    `json:"mtu,omitempty"`    // bytes
	Domain string `json:"domain,omitempty"`
	Bridge string `json:"bridge,omitempty"` // device name of the host port
	Uplink string `json:"uplink,omitempty"` // device name of the NIC

	FastPath string `json:"fastpath,omitempty"` // off, auto or kernel
}

// DefineRequest writes or replaces a definition and starts nothing. The text
// crosses the socket as it is, so that faults name its lines. It is TOML, or XML
// in libvirt's form, in which the name is.
type DefineRequest struct {
	Name string `json:"name"`
	TOML string `json:"toml,omitempty"`
	XML  string `json:"xml,omitempty"`
	File string `json:"file,omitempty"` // how messages call the XML
}

// AddPortRequest makes a device a port of a network. A device that does not
// exist is made: a persistent tap that Owner or Group may open, or root alone.
type AddPortRequest struct {
	Network string `json:"network"`
	Port    string `json:"port"`              // device name
	Owner   string `json:"owner,omitempty"`   // user name or number
	Group   string `json:"group,omitempty"`   // group name or number
	Queues  int    `json:"queues,omitempty"`  // of a tap that is made; 0 = 1
	Present bool   `json:"present,omitempty"` // NotFound where there is no such device, and none is made

	// Domain and MAC are of the guest behind the port; both or none.
	Domain string `json:"domain,omitempty"`
	MAC    string `json:"mac,omitempty"`
}

// DeletePortRequest detaches a device and puts it back as it was.
type DeletePortRequest struct {
	Network string `json:"network"`
	Port    string `json:"port"`
}

// UplinkRequest asks whether a device can be shared with guests.
type UplinkRequest struct {
	Device string
	Probe  bool // send a few frames from another MAC address and listen for answers
}
