// Package leasefile keeps DHCP leases on disk, in one text file per network.
//
// # Format
//
// One lease a line, the five fields of dnsmasq's lease file, so that its
// readers work on ours:
//
//	1789000000 52:54:00:12:34:56 192.168.122.20 web 01:52:54:00:12:34:56
//
// are the expiry in Unix seconds (0: never), the hardware address, the IPv4
// address, the host name or *, and the client identifier or *. Unlike dnsmasq
// we keep a lease after it expired, until the address goes to another client,
// so that its holder may get it back.
//
// # Theory of operation
//
// A [File] holds all leases in memory, ordered by address, and writes them
// whole: to a temporary file beside the file, which is synced and renamed over
// it, and then the directory is synced. So after a crash at any point the file
// is the old one or the new one, and when [File.Apply] returns nil the new one
// has reached the disk. Many changes may be applied with one write.
//
// If a write fails the changes stay in memory and the next Apply, also one
// without changes, writes them; until then no reply that depends on them may
// be sent.
//
// Lines that cannot be read do not stop the daemon: [Open] moves them to a
// file of the same name with .bad appended and reports them.
//
// # Concurrency
//
// A File is owned by one goroutine, and its path by one process: the daemon's
// lock on the state directory keeps a second one away.
package leasefile
