package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"ubridge/internal/testnet"
)

func (t *tour) download() string {
	began := time.Now()
	body, seenAs, err := t.get(t.first)
	if err != nil {
		t.Fatalf("guest1 downloads from %s: %v", serverName, err)
	}
	took := time.Since(began)
	if sum := sha256.Sum256(body); sum != sha256.Sum256(payload()) {
		t.Fatalf("guest1 downloaded %d bytes with the wrong checksum %x", len(body), sum)
	}
	if from, _, err := net.SplitHostPort(seenAs); err != nil || from != hostOutside {
		t.Fatalf("the server saw %q, not the host's own address %s: no NAT", seenAs, hostOutside)
	}
	return fmt.Sprintf("guest1 fetched %d MiB in %.2f s, SHA-256 right; the server saw %s", len(body)>>20, took.Seconds(), seenAs)
}

// get fetches the payload by name, from inside a namespace.
func (t *tour) get(n *testnet.NS) (body []byte, seenAs string, err error) {
	ctx, cancel := context.WithTimeout(t.ctx, 20*time.Second)
	defer cancel()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		addr, err := lookup(ctx, n, serverName)
		if err != nil {
			return nil, err
		}
		return dial(ctx, n, network, net.JoinHostPort(addr.String(), "80"), 10*time.Second)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+serverName+"/", nil)
	if err != nil {
		return nil, "", err
	}
	answer, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return nil, "", err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(answer.Body)
	return body, answer.Header.Get(seenAsHeader), err
}
