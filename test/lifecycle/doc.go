// Package lifecycle holds the daemon to what an administrator relies on: what a
// first run makes, that a clean stop leaves the host as it was, that a start
// after SIGKILL takes over what was left, that ports follow their devices, that
// the host's own stack stays silent on them, and that whatever cannot work is
// refused with one line and the exit code of its kind.
//
// The suite needs root; everything it makes lies in namespaces of its own.
package lifecycle
