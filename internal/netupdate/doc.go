// Package netupdate adds, deletes and changes one element of a network's
// definition by the words of `virsh net-update`.
//
// # Theory of operation
//
// An [Update] names a command, a section and an element. The element comes as
// XML, as virsh takes it, or as attributes (mac=… ip=…); both become the same
// [Element]. [Update.Apply] gives the changed definition. Which element a command
// means, and when it is refused, is as libvirt has it
// (virNetworkDefUpdate… in src/conf/network_conf.c): an addition must not share
// a key with an element that is there; a deletion must match exactly one, by the
// attributes that are given; a modification replaces the one with the same key.
//
// # Concurrency
//
// The package is pure.
package netupdate
