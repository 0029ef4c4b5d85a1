// Package fastpath holds the kernel's fast path to its promises: what user space has
// decided once goes on without it, while the daemon is stopped, dead, or started again;
// counters, ages and flows are true all the same; and whatever is not plain still finds
// user space.
//
// That a frame went by the kernel is proven by the daemon's absence: SIGSTOP.
//
// The suite needs root; everything it makes lies in namespaces of its own. The other
// suites run with the fast path by UBRIDGE_TEST_FASTPATH=kernel (make test-full).
package fastpath
