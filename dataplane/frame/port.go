package frame

import "errors"

// Caps is what a port takes without help. A frame that needs more is finished
// or cut in software before it is handed to the port.
type Caps struct {
	Csum bool // unfinished checksums
	TSO4 bool // TCP superframes over IPv4
	TSO6 bool // TCP superframes over IPv6
	USO  bool // UDP superframes (GSOUDPL4)
	MTU  int  // longest IP packet in bytes; a frame may be longer by its link header and tags
}

// Takes reports whether the port takes o as it is.
func (c Caps) Takes(o Offload) bool {
	switch o.GSO.Kind() {
	case GSONone:
		return c.Csum || !o.NeedsCsum()
	case GSOTCP4:
		return c.TSO4
	case GSOTCP6:
		return c.TSO6
	case GSOUDPL4:
		return c.USO
	}
	return false
}

// Sent is what became of the frames handed to a port's Transmit. The sum of
// all fields but Bytes is the number of frames handed over.
type Sent struct {
	Frames uint32 // accepted by the kernel or the peer
	Bytes  uint64 // of the frames accepted
	Full   uint32 // the queue behind the port was full
	Down   uint32 // the device is down or gone
	TooBig uint32 // longer than the device takes
	Failed uint32 // refused for another reason
}

// ErrDown is what a port's Receive answers while the device behind it is down
// or gone.
var ErrDown = errors.New("device is down or gone")
