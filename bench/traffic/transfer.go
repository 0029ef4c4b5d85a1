package traffic

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
)

// Transfer sends n bytes of noise over a connection in each direction, one
// after the other, and compares SHA-256 at both ends.
func Transfer(client, server net.Conn, n int64) error {
	if err := oneWay(client, server, n, 1); err != nil {
		return fmt.Errorf("towards the server: %w", err)
	}
	if err := oneWay(server, client, n, 2); err != nil {
		return fmt.Errorf("towards the client: %w", err)
	}
	return nil
}

func oneWay(from, to net.Conn, n int64, seed byte) error {
	sent := make(chan error, 1)
	h := sha256.New()
	go func() {
		noise := rand.NewChaCha8([32]byte{seed})
		_, err := io.CopyN(io.MultiWriter(from, h), noise, n)
		sent <- err
	}()
	got := sha256.New()
	arrived, err := io.CopyN(got, to, n)
	if err != nil {
		from.Close() // the writer may be stuck
		<-sent
		return fmt.Errorf("%d of %d bytes arrived: %w", arrived, n, err)
	}
	if err := <-sent; err != nil {
		return err
	}
	if string(got.Sum(nil)) != string(h.Sum(nil)) {
		return errCorrupt
	}
	return nil
}
