package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/vishvananda/netns"

	"ubridge/dataplane"
	"ubridge/dataplane/tap"
	"ubridge/fdb"
)

// runWire is the process between two taps: what the first one's network side is
// sent comes out of the second one, as through QEMU and a guest's driver. It is
// a two-port bridge of the dataplane's own, so that superframes pass whole.
func runWire(args []string) error {
	if len(args) != 3 {
		return errors.New("usage: bench wire TAP NETNS-PATH DEVICE")
	}
	near, err := tap.Open(tap.Config{Name: args[0]})
	if err != nil {
		return err
	}
	far, err := openIn(args[1], args[2])
	if err != nil {
		return err
	}
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, MaxPorts: 4})
	if err != nil {
		return err
	}
	w, err := dataplane.NewWorker(nil, 1)
	if err != nil {
		return err
	}
	w.AddBridge(0, dataplane.BridgeConfig{FDB: table})
	w.AddPort(1, 0, args[0], near)
	w.AddPort(2, 0, args[2], far)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	fmt.Println("ready")
	return w.Run(ctx)
}

// openIn makes a tap in the namespace at path.
func openIn(path, device string) (p *tap.Port, err error) {
	runtime.LockOSThread() // the thread ends with the process, never to be used again
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return nil, fmt.Errorf("namespace %s: %w", path, err)
	}
	defer ns.Close()
	if err := netns.Set(ns); err != nil {
		return nil, fmt.Errorf("enter namespace %s: %w", path, err)
	}
	return tap.Open(tap.Config{Name: device})
}
