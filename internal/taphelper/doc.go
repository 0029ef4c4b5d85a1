// Package taphelper lets guests of unprivileged users onto a network: the daemon's
// end, the ACL, and ubridge-bridge-helper, which QEMU and libvirt's session
// daemon start in place of qemu-bridge-helper.
//
// # Theory of operation
//
//	QEMU ── runs ──▶ ubridge-bridge-helper ── asks ──▶ daemon
//	  ▲ tap (SCM_RIGHTS, fd N)  │  ▲ tap (SCM_RIGHTS)     │
//	  └─────────────────────────┘  └──────────────────────┘
//
// The helper has no privilege and no setuid bit. It connects to a socket that
// everybody may connect to and that takes this one request. The daemon asks the
// kernel who is there (SO_PEERCRED, SO_PEERGROUPS), holds that against the ACL,
// makes a tap that vanishes with its last descriptor, attaches it, and passes the
// descriptor; the helper passes it on to QEMU and ends.
//
// On the wire there is one record each way (SOCK_SEQPACKET): a [Request] and an
// answer, both JSON, the answer with the descriptor or an error. A connection
// carries one request.
//
// # The ACL
//
// The file has the syntax of qemu-bridge-helper's bridge.conf, and optionally the
// users and groups that a line is for:
//
//	allow NETWORK|all [USER|UID|%GROUP|%GID]...
//	deny  NETWORK|all [USER|UID|%GROUP|%GID]...
//	include FILE
//
// NETWORK is a network's name or its bridge device. What is not allowed is
// denied; a deny goes before every allow. As with qemu-bridge-helper, a file
// counts only for those who may read it, so that a file of mode 0640 is for the
// members of its group. Here the daemon reads the files, so that it judges by the
// mode bits whether the caller could.
//
// # Hostile callers
//
// A record has a bound, a caller has a few seconds, each user a few connections
// and a rate of requests at once, and a number of taps altogether. A user that
// makes a tap persistent, or keeps the descriptor, gains what holding the guest
// open would: a port on the network it is allowed to.
//
// # Concurrency
//
// [Serve] has a goroutine for each connection. The ACL's functions are pure but
// for reading files.
//
// # Standards and sources
//
// unix(7), linux/if_tun.h; QEMU's net/tap.c (net_bridge_run_helper) for how the
// helper is started, libvirt's qemu_interface.c for the same.
package taphelper
