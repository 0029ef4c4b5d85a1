package bench

import (
	"net"
	"time"

	"ubridge/bench/traffic"
)

// rightMetrics count what was sent through and what was lost of it; what must
// not happen at all is no figure but a failure.
var rightMetrics = []metric{
	{key: "frames", title: "numbered frames that came as they were sent", better: higher, chart: noChart, noRatio: true},
	{key: "lost", title: "lost of them", better: lower, chart: noChart, noRatio: true},
	{key: "mib", title: "MiB whose SHA-256 was right at the other end, each way", better: higher, chart: noChart, noRatio: true},
}

var (
	rightSwitching = right("right", "Is it right?", switching,
		"numbered frames of 64 to 1518 bytes with a CRC-32C, at 20 000/s; TCP with SHA-256", (*bed).rightFrames)
	rightTranslating = right("nat-right", "Is it right, through NAT?", translating,
		"numbered UDP datagrams with a CRC-32C, at 5 000/s; TCP with SHA-256", (*bed).rightDatagrams)
)

// right is a scenario that sends numbered frames by send, then a file.
func right(name, title string, of kind, note string, send func(*bed)) scenario {
	return scenario{
		name: name, title: title, kind: of, note: note, quick: true, rounds: 1,
		metrics: rightMetrics,
		seconds: func(plan) float64 { return 0.8 },
		run: func(b *bed) {
			send(b)
			b.rightTransfer()
		},
	}
}

// How much is sent to see whether it comes right.
const (
	rightCount     = 6000
	rightRate      = 20_000
	rightDatagrams = 1500
	datagramRate   = 5000
)

// rightFrames sends numbered frames of all sizes from a to b.
func (b *bed) rightFrames() {
	checker := &traffic.Checker{}
	sink := b.sinkAt(b.b, traffic.NumberedAt, 1, checker)
	sender := b.sender(60, 124, 252, 508, 1020, 1276, 1514)
	sent, err := sender.Count(b.ctx, rightRate, rightCount)
	b.check(err)
	b.sleep(settle)
	_, missed := sink.Stop()
	b.judge(checker)
	b.putRight(checker.Frames, sent-min(missed, sent))
}

// settle is how long what is on the way may take to arrive.
const settle = 100 * time.Millisecond

func (b *bed) putRight(came, sent uint64) {
	if came == 0 {
		b.Fatalf("of %d frames sent, none came", sent)
	}
	b.put("frames", "a to b", float64(came))
	b.put("lost", "a to b", float64(sent)-float64(came))
}

// judge marks the peer as bad where frames came wrong.
func (b *bed) judge(c *traffic.Checker) {
	if err := c.Bad(); err != nil {
		b.bad("%v", err)
	}
}

// rightDatagrams sends numbered UDP datagrams from a to b.
func (b *bed) rightDatagrams() {
	server := b.listenUDP()
	client := b.dialUDP(server.LocalAddr().(*net.UDPAddr).AddrPort().Port())
	checker, done := &traffic.Checker{}, make(chan struct{})
	go func() {
		defer close(done)
		for buf := make([]byte, 2048); ; {
			n, err := server.Read(buf)
			if err != nil {
				return
			}
			checker.Payload(buf[:n])
		}
	}()
	b.sendDatagrams(client)
	b.sleep(settle)
	server.Close()
	<-done
	b.judge(checker)
	b.putRight(checker.Frames, rightDatagrams)
}

func (b *bed) sendDatagrams(client *net.UDPConn) {
	buf := make([]byte, 1400)
	b.check(client.SetWriteDeadline(time.Now().Add(10 * time.Second)))
	for began, i := time.Now(), 0; i < rightDatagrams; {
		if due := int(time.Since(began).Seconds() * datagramRate); i > due {
			b.sleep(200 * time.Microsecond)
			continue
		}
		p := buf[:64+i%1300]
		traffic.Fill(p, uint64(i))
		_, err := client.Write(p)
		b.check(err)
		i++
	}
}

// rightTransfer sends a file of noise each way and compares hashes.
func (b *bed) rightTransfer() {
	size := int64(8 << 20)
	if b.plan.full {
		size = 64 << 20
	}
	client, server := b.connection()
	deadline := time.Now().Add(30 * time.Second)
	b.check(client.SetDeadline(deadline))
	b.check(server.SetDeadline(deadline))
	if err := traffic.Transfer(client, server, size); err != nil {
		b.bad("a file sent by TCP: %v", err)
		return
	}
	b.put("mib", "TCP", float64(size>>20))
}
