package shm

import (
	"errors"
	"fmt"
	"reflect"
	"unsafe"
)

// Slice shows a section as a table of T. It errs on a T that holds pointers,
// which mean nothing to another process, on a section that is not a whole number
// of T and on one that does not exist.
func Slice[T any](section []byte) ([]T, error) {
	typ := reflect.TypeFor[T]()
	size, at := int(typ.Size()), uintptr(unsafe.Pointer(unsafe.SliceData(section)))
	switch {
	case len(section) == 0:
		return nil, errors.New("no such section")
	case size == 0:
		return nil, fmt.Errorf("%s has no size", typ)
	case hasPointers(typ):
		return nil, fmt.Errorf("%s holds pointers", typ)
	case len(section)%size != 0:
		return nil, fmt.Errorf("section of %d bytes is no whole number of %s, which has %d", len(section), typ, size)
	case at%uintptr(typ.Align()) != 0:
		return nil, fmt.Errorf("section at %#x is not aligned to %d, as %s must be", at, typ.Align(), typ)
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(section))), len(section)/size), nil
}

func hasPointers(t reflect.Type) bool {
	switch k := t.Kind(); {
	case k >= reflect.Bool && k <= reflect.Complex128:
		return false
	case k == reflect.Array:
		return t.Len() > 0 && hasPointers(t.Elem())
	case k == reflect.Struct:
		for i := range t.NumField() {
			if hasPointers(t.Field(i).Type) {
				return true
			}
		}
		return false
	}
	return true
}
