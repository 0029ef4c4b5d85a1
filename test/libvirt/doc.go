// Package libvirt tests ubridge beside libvirt and QEMU: taps that are adopted,
// libvirt's files, its hook, the bridge helper.
package libvirt
