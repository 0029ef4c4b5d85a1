// Package install holds dist/ to its promises: the unit is one that systemd takes and
// is as closed as it says, the manual pages are those of the command tree, and the
// Debian package has what belongs in it, and installs, starts, upgrades and goes
// without a trace.
//
// # Theory of operation
//
// What can be seen on the files is tested in any run. For the rest, a guest boots
// Debian 12 with systemd as init (test/guest/debian), and there the package is
// installed by dpkg as a user would. That takes minutes under emulation and is part of
// `make test-full` only, which sets UBRIDGE_TEST_FULL.
package install
