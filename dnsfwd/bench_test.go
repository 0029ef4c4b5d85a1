package dnsfwd

import (
	"testing"

	"github.com/miekg/dns"
)

func BenchmarkQuery(b *testing.B) {
	f := localForwarder("lan", true)
	lookup(b, f, start, question("a.example", dns.TypeA), 0, rr(b, "a.example. 60 A 192.0.2.1"))
	for _, name := range []string{"vm1.lan", "a.example"} {
		msg := pack(b, question(name, dns.TypeA))
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f.Query(start, guest, msg)
			}
		})
	}
}
