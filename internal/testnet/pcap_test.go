package testnet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// pcapOf makes a capture file with the frames given.
func pcapOf(frames ...string) []byte {
	file := binary.NativeEndian.AppendUint32(nil, pcapMicroseconds)
	file = append(file, make([]byte, pcapHeaderLen-4)...)
	for _, f := range frames {
		for _, field := range []int{7, 8, len(f), len(f) + 1} {
			file = binary.NativeEndian.AppendUint32(file, uint32(field))
		}
		file = append(file, f...)
	}
	return file
}

func TestReadPcap(t *testing.T) {
	frames, err := readPcap(pcapOf("first", ""))
	if err != nil || len(frames) != 2 {
		t.Fatalf("%d frames, %v", len(frames), err)
	}
	f := frames[0]
	if string(f.Data) != "first" || f.Len != 6 || f.Time.Unix() != 7 || f.Time.Nanosecond() != 8000 {
		t.Errorf("first frame: %+v", f)
	}
	if _, err := readPcap(bytes.Repeat([]byte{1}, 100)); err == nil || errors.Is(err, errShortPcap) {
		t.Errorf("another kind of file: %v", err)
	}
}

// FuzzReadPcap: a prefix of a file gives a prefix of its frames.
func FuzzReadPcap(f *testing.F) {
	f.Add(pcapOf("first", "second"))
	f.Add(pcapOf("first")[:30])
	f.Add(binary.NativeEndian.AppendUint32(pcapOf()[:24], 0xffffffff))
	f.Fuzz(func(t *testing.T, file []byte) {
		whole, err := readPcap(file)
		if err != nil {
			return
		}
		for cut := range file {
			part, err := readPcap(file[:cut])
			if len(part) > len(whole) || (len(part) == len(whole) && err == nil) {
				t.Fatalf("%d of %d bytes: %d of %d frames, %v", cut, len(file), len(part), len(whole), err)
			}
		}
	})
}
