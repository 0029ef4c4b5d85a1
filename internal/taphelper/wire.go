package taphelper

import (
	"bytes"
	"encoding/json"
	"io"

	"ubridge/internal/api"
)

// maxRecord is the length in bytes of the longest record that is taken.
const maxRecord = 4096

// Request asks for a tap on a network.
type Request struct {
	Bridge  string `json:"bridge"`   // a network's name or its bridge device
	VnetHdr bool   `json:"vnet_hdr"` // with virtio's header before each frame
}

// answer is what comes back: a port with its descriptor, or an error.
type answer struct {
	Port  string     `json:"port,omitempty"`
	Error *api.Error `json:"error,omitempty"`
}

// parseRequest reads a record.
func parseRequest(record []byte) (r Request, err error) {
	if len(record) > maxRecord {
		return r, api.Errorf(api.Usage, "the request is longer than %d bytes", maxRecord)
	}
	d := json.NewDecoder(bytes.NewReader(record))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return r, api.Errorf(api.Usage, "request: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return r, api.Errorf(api.Usage, "request: there is more than one value")
	}
	if r.Bridge == "" {
		return r, api.Errorf(api.Usage, "no network is named: --br=NAME")
	}
	return r, nil
}
