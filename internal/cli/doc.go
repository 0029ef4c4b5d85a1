// Package cli is the command line: verbs, tables, --json and exit codes.
//
// # Theory of operation
//
// Root builds the tree of verbs. Most of them ask a running daemon through
// api.Client and print the answer, as a table in the shape of virsh and brctl
// or, with --json, as an array of objects. run and demo do not ask a daemon,
// they are one: what they do comes in as Hooks, so that this package does not
// know the daemon and can be tested without it.
//
// Output goes to stdout, everything else to stderr. An error is one line that
// names the thing and the fix; its kind decides the exit code: 0 ok, 1 failed,
// 2 usage, 3 not found, 4 permission, 5 daemon not reachable. Whatever goes
// wrong before a verb runs is usage.
//
// Text that guests choose, such as host names, is made harmless before it
// reaches a terminal. Colour is used on terminals only, and never with NO_COLOR
// set (https://no-color.org).
//
// # Concurrency
//
// One verb runs at a time. A Live is shared by the daemon's log and its status
// and locks itself.
package cli
