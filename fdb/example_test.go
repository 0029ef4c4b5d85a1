package fdb_test

import (
	"fmt"

	"ubridge/fdb"
	"ubridge/internal/wire"
)

func Example() {
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 1024), Seed: 0x1f2e3d, MaxPorts: 64})
	if err != nil {
		fmt.Println(err)
		return
	}
	guest := wire.MAC{0x52, 0x54, 0x00, 0x12, 0x34, 0x56}

	now := uint32(100) // seconds
	fmt.Println(table.Learn(guest, 3, now))
	fmt.Println(table.Lookup(guest, now))

	fmt.Println(table.Learn(guest, 4, now+1))
	fmt.Println(table.Lookup(guest, now+1))

	fmt.Println(table.Lookup(guest, now+302)) // silent for more than 300 s: flood
	// Output:
	// learned
	// 3 true
	// moved
	// 4 true
	// 0 false
}
