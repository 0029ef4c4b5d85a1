// Package hostnet makes the host's network match the plan and tells what the
// host looks like: devices, persistent taps, sysctls, subnets in use, ports.
//
// # Theory of operation
//
// Everything here is a plain function on the control path: it asks the kernel,
// decides, changes the kernel, and returns. What must be undone later is
// returned as a JSON-able value first, so that a caller can write it to its
// state file before anything is changed and still put the host back after a
// SIGKILL:
//
//	Snapshot(name) → (state file) → Prepare(snapshot) → … → Restore(snapshot)
//
// Sub-packages hold what has a life of its own: steer keeps the host's stack
// quiet (eBPF, nftables), nexthop follows routes and neighbours, nic judges what
// can be an uplink, probe gathers facts for doctor.
//
// # Network namespaces
//
// Each function works on the network namespace of the calling thread and keeps
// no socket open. Sysctls are written below /proc/sys/net, which the kernel
// resolves in the calling thread's namespace; sysfs, which it does not, is not
// used. A caller that changes namespaces must lock its goroutine to the thread.
//
// # Concurrency
//
// No state is shared; the kernel orders concurrent calls. Two callers must not
// prepare or restore the same device at the same time.
//
// # Standards and sources
//
// linux/if_tun.h (persistent taps), Documentation/networking/ip-sysctl
// (arp_ignore, disable_ipv6), linux/ethtool.h (LRO), linux/inet_diag.h
// (sockets), RFC 1918 §3 (private subnets).
package hostnet
