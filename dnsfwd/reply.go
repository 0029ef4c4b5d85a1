package dnsfwd

import "github.com/miekg/dns"

// replyRoom is space for a few records and OPT behind the question.
const replyRoom = 64

// begin starts a reply: header and question. RD and CD are the client's.
func (q *query) begin(flags uint16) []byte {
	b := make([]byte, headerLen, headerLen+len(q.question)+replyRoom)
	be.PutUint16(b[offID:], q.id)
	be.PutUint16(b[offFlags:], flagQR|flags|q.flags&(flagRD|flagCD|maskOpcode))
	if len(q.question) > 0 {
		be.PutUint16(b[offQD:], 1)
	}
	return append(b, q.question...)
}

// finish adds OPT where the client sent one and cuts the reply to its size.
func (q *query) finish(c Client, b []byte) []byte {
	return q.finishEDNS(c, b, 0, nil)
}

func (q *query) finishEDNS(c Client, b []byte, rcode uint8, options []byte) []byte {
	if q.edns {
		b = appendOPT(b, q.do, rcode, options)
		be.PutUint16(b[offAR:], be.Uint16(b[offAR:])+1)
	}
	if len(b) > q.limit(c) {
		return q.truncate(b, q.limit(c))
	}
	return b
}

// refuse is a reply with a code and nothing else.
func (q *query) refuse(c Client, rcode uint16) []byte {
	return q.finishEDNS(c, q.begin(flagRA|rcode&maskRcode), uint8(rcode>>4), nil)
}

// maxPartial is the longest message that is cut record by record. A guest can
// own a zone with answers of 64 KiB; decoding one for every UDP query of it
// would cost too much.
const maxPartial = 8192

// truncate cuts a reply, keeping as many records as fit, since not every
// stub asks again over TCP. TC is left clear where only additional records
// are lost (RFC 2181 §9).
func (q *query) truncate(b []byte, limit int) []byte {
	var m dns.Msg
	if len(b) > maxPartial || m.Unpack(b) != nil {
		return q.empty(b)
	}
	m.Extra = onlyOPT(m.Extra)
	m.Truncate(limit)
	m.Compress = true
	cut, err := m.Pack()
	if err != nil || len(cut) > limit {
		return q.empty(b)
	}
	return cut
}

// empty is a reply cut down to header, question and OPT.
func (q *query) empty(of []byte) []byte {
	b := q.begin(be.Uint16(of[offFlags:]) | flagTC)
	if q.edns {
		b = appendOPT(b, q.do, 0, nil)
		be.PutUint16(b[offAR:], 1)
	}
	return b
}

func onlyOPT(extra []dns.RR) []dns.RR {
	for _, rr := range extra {
		if rr.Header().Rrtype == dns.TypeOPT {
			return []dns.RR{rr}
		}
	}
	return nil
}
