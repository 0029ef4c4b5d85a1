package demo

import (
	"log"
	"os"
	"testing"

	"ubridge/internal/testnet"
)

// The tests compare what is on the machine before and after a tour, so no other
// package's tour may run meanwhile.
func TestMain(m *testing.M) {
	release, err := testnet.Lock("demo")
	if err != nil {
		log.Fatal(err)
	}
	code := m.Run()
	release()
	os.Exit(code)
}
