// Package libvirt tests ubridge beside libvirt and QEMU: taps that are adopted,
// libvirt's files, its hook, the bridge helper.
//
// # Theory of operation
//
// Each test has a host of its own (package lab). Debian's libvirt is unpacked by
// test/setup/libvirt and laid over the machine's /usr in a mount namespace: its NSS
// module reads what the daemon writes, and its libvirtd, with processes and a /run
// of its own, starts a real guest. Nothing is installed, and no service runs.
//
// # Concurrency
//
// Tests run in parallel, each in namespaces of its own.
package libvirt
