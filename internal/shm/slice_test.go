package shm

import (
	"strings"
	"testing"
	"unsafe"
)

type plain struct {
	A uint64
	B [3]uint32
	C struct{ D, E bool }
	_ [0]*int
}

func TestSliceSharesTheMemory(t *testing.T) {
	words := make([]uint64, 16) // aligned
	section := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 128)
	size := int(unsafe.Sizeof(plain{}))
	table, err := Slice[plain](section[:4*size])
	if err != nil || len(table) != 4 || cap(table) != 4 {
		t.Fatalf("%d entries, %v", len(table), err)
	}
	table[1].A = 0x0102030405060708
	if words[size/8] != 0x0102030405060708 {
		t.Error("a store does not reach the section")
	}
}

func check[T any](section []byte) error {
	_, err := Slice[T](section)
	return err
}

func TestSliceRefuses(t *testing.T) {
	words := make([]uint64, 16)
	section := unsafe.Slice((*byte)(unsafe.Pointer(&words[0])), 128)
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"pointer":           {check[*int](section), "pointers"},
		"pointer in struct": {check[struct{ p *int }](section), "pointers"},
		"string in array":   {check[[2]string](section), "pointers"},
		"slice":             {check[[]byte](section), "pointers"},
		"map":               {check[map[int]int](section), "pointers"},
		"interface":         {check[any](section), "pointers"},
		"func":              {check[func()](section), "pointers"},
		"unsafe pointer":    {check[unsafe.Pointer](section), "pointers"},
		"nothing":           {check[struct{}](section), "no size"},
		"part of an entry":  {check[uint64](section[:12]), "whole number"},
		"misaligned":        {check[uint64](section[4:12]), "aligned"},
		"no section":        {check[uint64](nil), "no such section"},
	} {
		if tt.err == nil || !strings.Contains(tt.err.Error(), tt.want) {
			t.Errorf("%s: want an error that says %q, got %v", name, tt.want, tt.err)
		}
	}
}
