package dnsfwd

import (
	"bytes"

	"github.com/miekg/dns"
)

// A query is a client's message, reduced to what matters for its answer.
type query struct {
	id    uint16
	flags uint16 // as sent
	// question is name, type and class as the client spelt them.
	question []byte

	edns    bool
	version uint8
	do      bool
	size    int // largest UDP answer
	// options are those that go upstream; an answer to them is the client's alone.
	options []byte
}

func (q *query) name() []byte   { return q.question[:len(q.question)-4] }
func (q *query) qtype() uint16  { return be.Uint16(q.question[len(q.question)-4:]) }
func (q *query) qclass() uint16 { return be.Uint16(q.question[len(q.question)-2:]) }

// clone returns a query that does not alias the client's message.
func (q *query) clone() query {
	c := *q
	c.question = bytes.Clone(q.question)
	return c
}

// limit returns how long the client's answer may be.
func (q *query) limit(c Client) int {
	if c.TCP {
		return maxMessage
	}
	return q.size
}

// private tells whether the answer must not be shared with other clients:
// it depends on more than the key holds, or it is no data to remember.
func (q *query) private() bool {
	return len(q.options) > 0 || q.flags&flagRD == 0 ||
		q.qclass() != dns.ClassINET || q.qtype() == dns.TypeANY
}

// transfer tells whether the answer would be a stream of messages.
func (q *query) transfer() bool {
	return q.qtype() == dns.TypeAXFR || q.qtype() == dns.TypeIXFR
}

// appendKey appends what makes two questions the same: folded name, type,
// class, and the DO and CD bits, which change what an upstream answers.
func (q *query) appendKey(b []byte) []byte {
	b = appendFolded(b, q.name())
	b = append(b, q.question[len(q.question)-4:]...)
	var bits byte
	if q.do {
		bits |= 1
	}
	if q.flags&flagCD != 0 {
		bits |= 2
	}
	return append(b, bits)
}

// parseHeader reads what an error reply needs. The verdict is Forwarded where
// the message deserves a closer look.
func parseHeader(msg []byte) (query, Verdict) {
	if len(msg) < headerLen {
		return query{}, RuntQuery
	}
	q := query{id: be.Uint16(msg[offID:]), flags: be.Uint16(msg[offFlags:]), size: minUDPSize}
	switch {
	case q.flags&flagQR != 0:
		return q, NotQuery
	case q.flags&maskOpcode != 0:
		return q, UnknownOpcode
	case be.Uint16(msg[offQD:]) != 1: // RFC 9619
		return q, MalformedQuery
	}
	return q, Forwarded
}

// parseBody reads the question and EDNS. The question is set as soon as it is
// known, so that an error reply can repeat it.
func (q *query) parseBody(msg []byte) error {
	end, err := nameEnd(msg, headerLen)
	if err != nil || end+4 > len(msg) {
		return errWire
	}
	q.question = msg[headerLen : end+4]
	end, err = records(msg, end+4, q.parseRecord)
	if err == nil && end != len(msg) {
		return errWire
	}
	return err
}

// parseRecord takes note of OPT (RFC 6891 §6.1) and passes over other records.
func (q *query) parseRecord(r record) error {
	if r.rtype != dns.TypeOPT {
		return nil
	}
	if q.edns || !r.root || len(r.data) > maxOptions {
		return errWire
	}
	q.edns = true
	q.size = min(max(int(r.class), minUDPSize), maxUDPSize)
	return q.parseOPT(r)
}

func (q *query) parseOPT(r record) (err error) {
	// OPT keeps extended code, version and flags where others keep the TTL.
	q.version = uint8(r.ttl >> 16)
	q.do = r.ttl&flagDO != 0
	q.options, err = passOptions(r.data)
	return err
}
