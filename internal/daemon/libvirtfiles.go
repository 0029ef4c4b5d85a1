package daemon

import (
	"os"
	"path/filepath"

	"ubridge/dhcpd"
	"ubridge/internal/libvirtfiles"
	"ubridge/internal/wire"
)

// openLibvirtFiles prepares libvirt's files of a network. Without them guests have
// their leases all the same.
func (d *Daemon) openLibvirtFiles(n *network) {
	dir := d.cfg.LibvirtStatus()
	path := filepath.Join(dir, n.device+".status")
	files, err := libvirtfiles.Open(libvirtfiles.Options{
		Dir: dir, Bridge: n.device, Ours: n.st.StatusFile == path, Log: n.log,
	})
	if err != nil {
		n.log.Warn("libvirt's files of leases and guests are not written", "err", err)
		return
	}
	n.files, n.st.StatusFile = files, ""
	if files.Ours() {
		n.st.StatusFile = path
	}
	n.files.SetGuests(nil)
	d.ended("state", d.state.save())
}

// removeFilesDir removes the directory of these files, if it is our own, with what a
// daemon that was killed has left there of a bridge of another name.
func (d *Daemon) removeFilesDir() error {
	if d.cfg.StatusDir != "" {
		return nil
	}
	return os.RemoveAll(d.cfg.LibvirtStatus())
}

// leasesChanged tells DNS and libvirt's file of the leases.
func (n *network) leasesChanged(leases []dhcpd.Lease) {
	n.nameGuests(leases)
	if n.files == nil {
		return
	}
	list := make([]libvirtfiles.Lease, 0, len(leases))
	for _, l := range leases {
		out := libvirtfiles.Lease{IP: l.IP, MAC: wire.MAC(l.MAC).String(), Hostname: l.Hostname, ClientID: clientID(l.ClientID)}
		if !l.Expires.IsZero() {
			out.Expires = l.Expires.Unix()
		}
		list = append(list, out)
	}
	n.files.SetLeases(list)
}
