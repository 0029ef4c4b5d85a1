// Package plan compares two definitions of a network and says what would change:
// the steps from one to the other, whether each takes effect while guests are
// attached, and how it is undone.
//
// # Theory of operation
//
// [Diff] gives a [Step] for every key of the definition that differs. A step is
// live, or it waits for the network (or the daemon) to be started again; what is
// not in the table of live keys waits, so that a key that this package does not
// know is never applied in place by mistake. No live step detaches a port.
//
// The parts of a running network that the live steps concern, [Parts], are what
// the daemon changes, each as a whole and in this order: guests' addresses first,
// since that is what may be refused. The undo of a step is the step from the new
// definition to the old one, [Step.Undo].
//
// # Concurrency
//
// The package is pure: values in, values out.
package plan
