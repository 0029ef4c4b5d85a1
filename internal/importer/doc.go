// Package importer turns what other tools know of a host's bridges into
// definitions of networks.
//
// # Theory of operation
//
// Each tool has a package below this one that reads its files and gives a Plan:
// the definitions that would be made, the leases that guests hold, the edit that
// is left to the user, and a Note for everything that has no counterpart. What a
// file says is in the definition or in a note; nothing is passed over. Reading
// changes nothing, and no device is looked at: a Plan depends on the files alone,
// which come from an fs.FS, so that the files of another host may be read too.
//
// A file is bounded (MaxFile), and so is how many of them one import reads
// (MaxFiles), since they include one another.
//
// # What becomes of a bridge
//
// A bridge with a NIC in it becomes a network of mode bridge with that NIC as the
// uplink; the host's addresses, which br0 had, go back to the NIC, and the edit
// says how. A bridge without a NIC becomes a network whose gateway has the
// bridge's name, address and MAC: of mode route where the host forwards packets
// (net.ipv4.ip_forward in the files of sysctl.d(5)), isolated where it does not.
//
// # Concurrency
//
// A Files belongs to one goroutine; a Plan is a value.
package importer
