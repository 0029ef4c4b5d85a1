// Package testnet builds the networks that ubridge is tried in: namespaces,
// virtual wires, processes and QEMU guests. Tests use it, and so does
// "ubridge demo"; therefore it does not import package testing, only asks for
// the few methods in T.
//
// # Theory of operation
//
// A Lab owns everything that one test makes. Each namespace has a name that
// holds the test's prefix, the process id and a counter, so labs of parallel
// tests, packages and people do not meet, and Sweep can tell what a killed
// process has left behind. Nothing is ever made in the root network namespace:
// a veth is created inside one namespace with its peer already in another.
//
// All processes, guests included, are started by one goroutine that is locked
// to its own thread, with the kernel's parent-death signal set. The kernel sends
// that signal when the thread ends, not the process; with a thread of its own
// for each lab, "no child outlives its lab" holds after a panic and after
// SIGKILL as well.
//
// Guests boot Debian's kernel with a busybox initramfs (built by test/guest/build
// and cached) under QEMU's own emulation, since KVM is not assumed. They are
// driven over the serial console by the line protocol that test/guest/init
// describes.
//
// # Traps
//
//   - "ip netns exec" enters a new mount namespace and mounts /sys anew, so /sys
//     shows the namespace's devices; inside NS.Do, which changes the network
//     namespace only, /sys still shows the old ones. /proc/sys/net follows the
//     thread in both.
//   - The files in /etc/netns/NAME are bound over those in /etc by "ip netns
//     exec". Each namespace starts with an empty resolv.conf there, so that DHCP
//     clients cannot write into the machine's; NS.Etc adds more.
//   - Only processes started from here are ended at clean-up, and what is found
//     inside the lab's own namespaces.
//
// # Concurrency
//
// A Lab and its handles may be used from several goroutines, but the methods
// that end the test on failure must be called from the test's own goroutine, as
// with testing.T. Use the Try forms elsewhere. A Guest runs one command at a
// time; callers wait for each other.
package testnet
