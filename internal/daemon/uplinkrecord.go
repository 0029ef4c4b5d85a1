package daemon

import (
	"net/netip"
	"slices"

	"ubridge/internal/hostnet"
	"ubridge/internal/hostnet/steer"
)

// uplinkRecord is what a killed daemon's successor needs to know of an uplink:
// how the device was, and which of its addresses flows use.
type uplinkRecord struct {
	Before    hostnet.Uplink `json:"before"`
	HadClsact bool           `json:"had_clsact,omitempty"` // a qdisc that stays
	Outside   []netip.Addr   `json:"outside"`
}

// load reads the records of the last run. out.mu need not be held yet.
func (o *wayOut) load() error { return readJSON(o.path, &o.records) }

func (o *wayOut) save() error { return writeJSON(o.path, o.records) }

// record is the uplink's record, whatever its name was; nil where there is none.
func (o *wayOut) record(ifindex int) *uplinkRecord {
	for i := range o.records {
		if r := &o.records[i]; r.Before.Ifindex == ifindex {
			return r
		}
	}
	return nil
}

// remember makes durable how a device is before it is changed; what was noted
// before stands, for the device is changed already, and is added to.
func (o *wayOut) remember(before hostnet.Uplink, u *uplink) error {
	if r := o.record(u.ifindex); r != nil {
		r.Before = r.Before.With(before)
	} else {
		had, err := steer.HasClsact(u.ifindex)
		if err != nil {
			return err
		}
		o.records = append(o.records, uplinkRecord{Before: before, HadClsact: had})
	}
	return o.update(u)
}

// update makes the uplink's outside addresses durable.
func (o *wayOut) update(u *uplink) error {
	r := o.record(u.ifindex)
	if r == nil {
		return nil // remember comes next
	}
	r.Outside = u.outside
	return o.save()
}

// inherit makes a device's LRO, which another user turned off, ours to turn on
// again, and reports whether it did: while packets leave by the device it stays
// off.
func (o *wayOut) inherit(before hostnet.Uplink) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	r := o.record(before.Ifindex)
	if r == nil || !before.Merges() {
		return false
	}
	r.Before = r.Before.With(before)
	return o.save() == nil
}

// forget drops the record of a device that is gone.
func (o *wayOut) forget(ifindex int) error {
	o.records = slices.DeleteFunc(o.records, func(r uplinkRecord) bool { return r.Before.Ifindex == ifindex })
	return o.save()
}
