package testnet

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Frame is one captured frame.
type Frame struct {
	Time time.Time
	Data []byte // from the link layer's header on
	Len  int    // on the wire, in bytes; Data is shorter where it was cut
}

var errShortPcap = errors.New("capture file ends within a record")

// pcapMicroseconds begins a capture file whose times are in microseconds, in
// the byte order of the machine that wrote it, which here is this one.
const pcapMicroseconds = 0xa1b2c3d4

const pcapHeaderLen, pcapRecordLen = 24, 16

// readPcap reads a capture file (draft-ietf-opsawg-pcap §4 and §5). It exists
// so that the ubridge binary, whose demo captures, carries no decoder library.
func readPcap(b []byte) ([]Frame, error) {
	if len(b) < pcapHeaderLen {
		return nil, errShortPcap
	}
	if magic := binary.NativeEndian.Uint32(b); magic != pcapMicroseconds {
		return nil, fmt.Errorf("not a capture file of this machine: magic %#x", magic)
	}
	var frames []Frame
	for b = b[pcapHeaderLen:]; len(b) > 0; {
		frame, rest, err := readRecord(b)
		if err != nil {
			return frames, err
		}
		frames, b = append(frames, frame), rest
	}
	return frames, nil
}

func readRecord(b []byte) (Frame, []byte, error) {
	if len(b) < pcapRecordLen {
		return Frame{}, nil, errShortPcap
	}
	field := func(i int) uint32 { return binary.NativeEndian.Uint32(b[4*i:]) }
	captured := uint64(field(2))
	if captured > uint64(len(b)-pcapRecordLen) {
		return Frame{}, nil, errShortPcap
	}
	end := pcapRecordLen + int(captured)
	frame := Frame{
		Time: time.Unix(int64(field(0)), int64(field(1))*1000),
		Data: b[pcapRecordLen:end],
		Len:  int(field(3)),
	}
	return frame, b[end:], nil
}
