package dnsfwd

import "github.com/miekg/dns"

// A Record is answered to questions for its name and type.
type Record struct {
	// Name is without a final dot. Its labels may hold what host names do not,
	// such as the underscore of services.
	Name string

	rtype uint16
	data  []byte
}

// TXT makes a record of a text (RFC 1035 §3.3.14), cut into strings of 255 octets.
func TXT(name, text string) Record {
	r := Record{Name: name, rtype: dns.TypeTXT}
	for {
		n := min(len(text), 255)
		r.data = append(append(r.data, byte(n)), text[:n]...)
		if text = text[n:]; text == "" {
			return r
		}
	}
}

// SRV makes a record of a service (RFC 2782). An empty target, or ".", says that
// the service is not available here.
func SRV(name, target string, port, priority, weight uint16) Record {
	r := Record{Name: name, rtype: dns.TypeSRV}
	wire, ok := packLabels(target, anyLabel)
	if !ok {
		wire = "\x00" // the root: nobody
	}
	r.data = be.AppendUint16(be.AppendUint16(be.AppendUint16(nil, priority), weight), port)
	r.data = append(r.data, wire...)
	return r
}

func anyLabel(string) bool { return true }

// newRecords makes the table. Names between a record's and the domain exist too,
// with nothing to say (RFC 8020 §2).
func (f *Forwarder) newRecords() map[string][]Record {
	table := map[string][]Record{}
	for _, r := range f.cfg.Records {
		name, ok := packLabels(r.Name, anyLabel)
		if !ok {
			continue
		}
		table[name] = append(table[name], r)
		for above := parent(name); f.domain != "" && hasZone([]byte(above), f.domain); above = parent(above) {
			if _, exists := table[above]; !exists {
				table[above] = nil
			}
		}
	}
	return table
}

// parent is a wire name without its first label; the root has none, "".
func parent(name string) string {
	if len(name) <= 1 {
		return ""
	}
	return name[1+int(name[0]):]
}

// plain reports whether a wire name is a single label.
func plain(name []byte) bool { return len(name) > 1 && len(name) == int(name[0])+2 }

// asksFor reports whether a question is for one of the records.
func asksFor(q *query, records []Record) bool {
	for _, r := range records {
		if q.qtype() == r.rtype || q.qtype() == dns.TypeANY {
			return true
		}
	}
	return false
}

// appendRecords appends the records that the question's type asks for.
func (f *Forwarder) appendRecords(b []byte, q *query, records []Record) []byte {
	for _, r := range records {
		if q.qtype() == r.rtype || q.qtype() == dns.TypeANY {
			b = f.appendRecord(b, r.rtype, r.data)
		}
	}
	return b
}
