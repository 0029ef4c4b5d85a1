package traffic

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
)

// Fields of a numbered payload: the number, the CRC of number and bytes, bytes.
const (
	numberAt   = 0
	crcAt      = 8
	bytesAt    = 12
	MinPayload = bytesAt // the shortest numbered payload
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// noise is where payloads are cut from; its length is a prime, so that numbers
// and offsets do not fall into step.
var noise = func() []byte {
	const prime, longest = 4093, 1 << 16
	b := make([]byte, prime+longest)
	_, _ = rand.NewChaCha8([32]byte([]byte("ubridge bench: numbered payload!"))).Read(b)
	return b
}()

// cut returns the n bytes that belong to a number.
func cut(number uint64, n int) []byte {
	at := int(number % 4093)
	return noise[at : at+n]
}

// Fill makes p, of at least MinPayload bytes, the payload with this number.
func Fill(p []byte, number uint64) {
	binary.BigEndian.PutUint64(p[numberAt:], number)
	copy(p[bytesAt:], cut(number, len(p)-bytesAt))
	binary.BigEndian.PutUint32(p[crcAt:], sum(p))
}

// sum is the CRC-32C of a payload without the field that holds it.
func sum(p []byte) uint32 {
	crc := crc32.Update(0, castagnoli, p[:crcAt])
	return crc32.Update(crc, castagnoli, p[bytesAt:])
}

var (
	errShort   = errors.New("a payload is cut short")
	errCorrupt = errors.New("a payload has other bytes than were sent")
)

// Number returns the number of a payload whose bytes are right.
func Number(p []byte) (uint64, error) {
	if len(p) < MinPayload {
		return 0, errShort
	}
	if binary.BigEndian.Uint32(p[crcAt:]) != sum(p) {
		return 0, errCorrupt
	}
	return binary.BigEndian.Uint64(p[numberAt:]), nil
}
