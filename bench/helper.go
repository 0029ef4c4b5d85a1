package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"

	"github.com/vishvananda/netns"

	"ubridge/dataplane"
	"ubridge/dataplane/tap"
	"ubridge/fdb"
)

// HelperVerb is the hidden verb by which this binary plays parts of a bed.
const HelperVerb = "bench-helper"

// Help plays a part until ctx ends. The only one is
//
//	switch NETNS-A DEVICE-A NETNS-B DEVICE-B
//
// ubridge's dataplane with two taps of its own, one in each namespace.
func Help(ctx context.Context, out io.Writer, args []string) error {
	if len(args) != 5 || args[0] != "switch" {
		return errors.New("usage: ubridge " + HelperVerb + " switch NETNS-A DEVICE-A NETNS-B DEVICE-B; the bench starts it itself")
	}
	table, err := fdb.New(fdb.Config{Entries: make([]fdb.Entry, 256), Seed: 1, MaxPorts: 4})
	if err != nil {
		return err
	}
	w, err := dataplane.NewWorker(nil, 1)
	if err != nil {
		return err
	}
	w.SetRealtime(true) // as the daemon has it
	w.AddBridge(0, dataplane.BridgeConfig{FDB: table})
	for i, at := range [][]string{args[1:3], args[3:5]} {
		port, err := openIn(at[0], at[1])
		if err != nil {
			return err
		}
		w.AddPort(dataplane.PortID(i+1), 0, fmt.Sprintf("port%d", i+1), port)
	}
	fmt.Fprintln(out, "ready")
	return w.Run(ctx)
}

// openIn makes a tap in the namespace at path.
func openIn(path, device string) (p *tap.Port, err error) {
	done := make(chan struct{})
	go func() { // on a thread that ends with this goroutine, since it never comes back
		defer close(done)
		runtime.LockOSThread()
		p, err = openHere(path, device)
	}()
	<-done
	return p, err
}

func openHere(path, device string) (*tap.Port, error) {
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
