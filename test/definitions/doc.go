// Package definitions holds the daemon to what users of libvirt rely on: that their
// definitions are taken, run, and come back as they were, that a network which
// virsh would call transient is one here, and that what is printed is libvirt's
// format by libvirt's own schema.
//
// The suite needs root; everything it makes lies in namespaces of its own.
package definitions
