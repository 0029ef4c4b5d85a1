package steer

import (
	"errors"
	"slices"
)

// Sweep removes all that ubridge has put on a device, whoever did it: filters and
// chains are known by their names. It tells what it removed.
func Sweep(ifindex int) (removed []string, err error) {
	made, err := madeByUs(ifindex)
	if err != nil {
		return nil, err
	}
	for r := range numRoles {
		f, findErr := findFilter(r, ifindex)
		if f != nil {
			removed = append(removed, "tc filter "+r.String())
		}
		err = errors.Join(err, findErr, removeFilter(r, ifindex))
	}
	if there, hasErr := hasClsact(ifindex); made && !there && hasErr == nil {
		removed = append(removed, "qdisc clsact")
	}
	programs, programErr := sweepForward(ifindex)
	chains, chainErr := sweepChains(ifindex)
	return slices.Concat(removed, programs, chains), errors.Join(err, programErr, chainErr)
}

// sweepChains removes the fallback's chains of a device. Where nftables cannot be
// asked, there are none.
func sweepChains(ifindex int) (removed []string, err error) {
	name, err := deviceName(ifindex)
	if err != nil {
		return nil, err
	}
	all, err := chains()
	if err != nil {
		return nil, nil
	}
	for _, r := range []role{silenceRole, uplinkRole} {
		for _, c := range all {
			if c.Name == chainName(r, name) {
				removed = append(removed, "nftables chain "+c.Name)
				err = errors.Join(err, removeChain(r, ifindex))
			}
		}
	}
	return removed, err
}
