package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// The part that a child of the tour plays, and the environment variable that
// tells it.
const (
	roleVariable = "UBRIDGE_DEMO_ROLE"
	outsideRole  = "outside"
	outsideReady = "outside server: ready"
)

// Where the server tells the client how it is seen.
const seenAsHeader = "Seen-As"

// sinkPort is discard's (RFC 863).
const sinkPort = "9"

// downloadSize in bytes: some thousand frames on a wire without offloads.
const downloadSize = 16 << 20

// payload is what is downloaded: the same bytes in each process, and none that
// a broken path could make up.
func payload() []byte {
	b := make([]byte, downloadSize)
	_, _ = rand.NewChaCha8([32]byte([]byte("ubridge demo: bytes to download!"))).Read(b)
	return b
}

// serveOutside is the server that stands for the internet: HTTP, DNS and a sink,
// until the context ends.
func serveOutside(ctx context.Context, out io.Writer) error {
	web, err := net.Listen("tcp4", ":80")
	if err != nil {
		return err
	}
	sink, err := net.Listen("tcp4", ":"+sinkPort)
	if err != nil {
		return err
	}
	names, err := net.ListenPacket("udp4", serverNear+":53")
	if err != nil {
		return err
	}
	ended := make(chan error, 3)
	go func() { ended <- http.Serve(web, downloads(payload())) }()
	go func() { ended <- serveSink(sink) }()
	go func() { ended <- serveNames(names) }()
	fmt.Fprintln(out, outsideReady)
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return err
	}
}

// downloads serves the payload under every path.
func downloads(body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(seenAsHeader, r.RemoteAddr)
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		_, _ = w.Write(body)
	})
}

// serveSink reads each connection to its end and answers how many bytes came.
func serveSink(l net.Listener) error {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		} else if err != nil {
			return err
		}
		go swallow(c)
	}
}

func swallow(c net.Conn) {
	defer c.Close()
	// Not io.Copy: that would splice, and show another path than programs take.
	count, buf := 0, make([]byte, 1<<20)
	for {
		n, err := c.Read(buf)
		count += n
		if err == io.EOF {
			fmt.Fprintln(c, count)
			return
		} else if err != nil {
			return
		}
	}
}

// serveNames answers for the server's own name and says of every other that it
// does not exist.
func serveNames(c net.PacketConn) error {
	buf := make([]byte, 1500)
	for {
		n, from, err := c.ReadFrom(buf)
		if err != nil {
			return err
		}
		if answer, err := answerName(buf[:n]); err == nil {
			_, _ = c.WriteTo(answer, from)
		}
	}
}

func answerName(query []byte) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	if m.Response || len(m.Questions) != 1 {
		return nil, errors.New("no question")
	}
	q := m.Questions[0]
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	switch {
	case !strings.EqualFold(q.Name.String(), serverName+"."):
		m.RCode = dnsmessage.RCodeNameError
	case q.Type == dnsmessage.TypeA:
		m.Answers = []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class, TTL: 60},
			Body:   &dnsmessage.AResource{A: [4]byte(net.ParseIP(serverFar).To4())},
		}}
	}
	return m.Pack()
}
