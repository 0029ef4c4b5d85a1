package lab

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"

	"ubridge/internal/testnet"
)

// serveHTTP serves on port 80 of the server's namespace:
//
//	GET /bytes/N   N bytes, the same ones for the same N (Digest)
//	GET /whoami    the client's address:port, as it is seen outside
func (n *Net) serveHTTP() {
	n.T.Helper()
	var listener net.Listener
	err := n.Server.Do(func() (err error) {
		listener, err = net.Listen("tcp4", ":80")
		return err
	})
	if err != nil {
		n.T.Fatalf("HTTP server outside: %v", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /bytes/{n}", func(w http.ResponseWriter, r *http.Request) {
		size, err := strconv.ParseInt(r.PathValue("n"), 10, 64)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Length", strconv.FormatInt(size, 10))
		_, _ = io.CopyN(w, noise(size), size) // fails where the client goes away
	})
	mux.HandleFunc("GET /whoami", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintln(w, r.RemoteAddr) })
	server := &http.Server{Handler: mux}
	go func() { _ = server.Serve(listener) }() // ends by Close
	n.T.Cleanup(func() { _ = server.Close() })
}

// noise is a stream that depends on its seed alone.
func noise(seed int64) io.Reader {
	return rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24), 'u', 'b'})
}

// Digest is the SHA-256 of what GET /bytes/SIZE sends, in hexadecimal.
func Digest(size int64) string {
	h := sha256.New()
	_, _ = io.CopyN(h, noise(size), size) // neither side fails
	return hex.EncodeToString(h.Sum(nil))
}

// Fetch downloads size bytes from the server outside and compares the digest.
// The error is for a test that expects none, or one.
func Fetch(from *testnet.NS, size int64) error {
	out, err := from.Try("sh", "-c", fmt.Sprintf(
		"curl --silent --show-error --fail --max-time 60 http://%s/bytes/%d | sha256sum", ServerAddr, size))
	if err != nil {
		return err
	}
	if got, _, _ := strings.Cut(out, " "); got != Digest(size) {
		return fmt.Errorf("download of %d bytes has SHA-256 %s, want %s", size, got, Digest(size))
	}
	return nil
}

// WhoAmI asks the server outside which address:port it sees.
func WhoAmI(from *testnet.NS) (string, error) {
	out, err := from.Try("curl", "--silent", "--show-error", "--fail", "--max-time", "10", "http://"+ServerAddr+"/whoami")
	return strings.TrimSpace(out), err
}
