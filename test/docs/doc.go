// Package docs holds the documentation to its word: its commands run, its links
// lead somewhere, the verbs, flags, reasons and files that it names are there.
//
// # Theory of operation
//
// The pages (README.md, CONTRIBUTING.md, CHANGELOG.md and all of docs) are read
// as text. What a reader types, the lines that begin with "$ " in blocks marked
// "console", is typed here, in the order of the pages, on a host namespace of
// package lab and in a clean clone of this tree. A mount namespace keeps
// /var/lib, /run and /dev/net of the machine out of it, so that the daemon runs
// with the paths that it has on a user's host. sudo, ubridge and
// qemu-system-x86_64 are stand-ins on PATH: the first runs its arguments, the
// second is what `make` has built, the third gives the real QEMU the cached test
// kernel in place of the reader's disk image, and all other arguments as they
// are, under the reader's user.
//
// A command that is not run stands in a list, with the reason.
package docs
