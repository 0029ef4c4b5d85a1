package nic

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// wireless asks nl80211, which answers for each device that has a phy80211 and
// in the namespace of the calling thread, as sysfs would not. A kernel without
// nl80211 has no wireless device.
func (host) wireless(ifindex int) (Wireless, error) {
	family, err := netlink.GenlFamilyGet(unix.NL80211_GENL_NAME)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, fs.ErrNotExist) {
		return Wireless{}, nil
	}
	if err != nil {
		return Wireless{}, fmt.Errorf("look for nl80211: %w", err)
	}
	req := nl.NewNetlinkRequest(int(family.ID), 0)
	req.AddData(&nl.Genlmsg{Command: unix.NL80211_CMD_GET_INTERFACE})
	req.AddData(nl.NewRtAttr(unix.NL80211_ATTR_IFINDEX, nl.Uint32Attr(uint32(ifindex))))
	answers, err := req.Execute(unix.NETLINK_GENERIC, 0)
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return Wireless{}, nil // a device, but none of cfg80211's
	}
	if err != nil {
		return Wireless{}, fmt.Errorf("ask nl80211: %w", err)
	}
	if len(answers) == 0 {
		return Wireless{}, nil
	}
	return parseInterface(answers[0])
}

// parseInterface reads the answer to NL80211_CMD_GET_INTERFACE.
func parseInterface(answer []byte) (Wireless, error) {
	w := Wireless{Is: true}
	if len(answer) < nl.SizeofGenlmsg {
		return w, fmt.Errorf("nl80211: an answer of %d bytes", len(answer))
	}
	// The library runs past an end that is not aligned, as the kernel's is.
	aligned := append(answer[nl.SizeofGenlmsg:len(answer):len(answer)], make([]byte, -len(answer)&3)...)
	attrs, err := nl.ParseRouteAttr(aligned)
	if err != nil {
		return w, fmt.Errorf("nl80211: %w", err)
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.NL80211_ATTR_IFTYPE:
			w.AccessPoint = len(a.Value) == 4 && binary.NativeEndian.Uint32(a.Value) == unix.NL80211_IFTYPE_AP
		case unix.NL80211_ATTR_4ADDR:
			w.FourAddress = len(a.Value) > 0 && a.Value[0] != 0
		}
	}
	return w, nil
}
