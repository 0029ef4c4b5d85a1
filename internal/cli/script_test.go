package cli_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"go.uber.org/goleak"

	"ubridge/internal/api"
	"ubridge/internal/api/apitest"
	"ubridge/internal/cli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"ubridge":      func() { execute(cli.Hooks{}) },
		"brctl":        func() { os.Exit(cli.Brctl(context.Background(), os.Args[1:], os.Stdout, os.Stderr)) },
		"ubridge-full": func() { execute(echoHooks()) },
	})
}

func execute(h cli.Hooks) {
	os.Exit(cli.Execute(context.Background(), h, os.Args[1:], os.Stdout, os.Stderr))
}

// echoHooks say what they were called with.
func echoHooks() cli.Hooks {
	return cli.Hooks{
		Run: func(_ context.Context, o cli.RunOptions) error {
			fmt.Printf("config=%q state=%q runtime=%q socket=%q live=%v\n", o.Config, o.StateDir, o.RuntimeDir, o.Socket, o.Status != nil)
			fmt.Fprintln(o.Log, "log line")
			o.Ready([]api.NetworkInfo{{
				Network: api.Network{Name: "default", Mode: "nat", Active: true, Bridge: "ubr0", Subnets: []string{"192.168.122.0/24"}},
				Gateway: "192.168.122.1/24", DHCP: true, LeaseRange: []string{"192.168.122.2-192.168.122.254"},
			}})
			if o.Config == "missing" {
				return fmt.Errorf("configuration: %w", os.ErrNotExist)
			}
			return nil
		},
		Demo: func(_ context.Context, o cli.DemoOptions) error {
			fmt.Fprintf(o.Out, "keep=%v colour=%v\n", o.Keep, o.Colour)
			return nil
		},
		Bench: func(_ context.Context, o cli.BenchOptions) error {
			fmt.Fprintf(o.Stdout, "full=%v only=%q peers=%q rounds=%d seconds=%g list=%v json=%q out=%q\n",
				o.Full, o.Only, o.Peers, o.Rounds, o.Seconds, o.List, o.JSON, o.Out)
			return nil
		},
		BenchHelper: func(_ context.Context, out io.Writer, args []string) error {
			fmt.Fprintf(out, "part=%q\n", args)
			return nil
		},
		Restore: func(o cli.RestoreOptions) (api.Restored, error) {
			return api.Restored{NIC: o.NIC, Removed: api.Strings{"what " + o.StateDir + " and " + o.Config + " tell of"}}, nil
		},
		Doctor: func(context.Context) []api.Check {
			return []api.Check{
				{Check: "/dev/net/tun", Status: api.CheckFail, Detail: "missing", Fix: "modprobe tun"},
				{Check: "eBPF", Status: api.CheckOK, Detail: "loads"},
			}
		},
		DoctorUplink: func(_ context.Context, r api.UplinkRequest) ([]api.Check, error) {
			return []api.Check{{Check: r.Device, Status: api.CheckFail, Detail: fmt.Sprintf("looked at here, probe %v", r.Probe), Fix: "another"}}, nil
		},
	}
}

// Each script has a daemon in memory on $WORK/u.sock, which the command line is
// pointed to. UPDATE=1 rewrites what is compared.
func TestScripts(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		UpdateScripts:       os.Getenv("UPDATE") != "",
		Setup:               startDaemon,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func startDaemon(env *testscript.Env) error {
	path := filepath.Join(env.WorkDir, "u.sock")
	l, err := api.Listen(path, "")
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- api.Serve(ctx, l, apitest.New()) }()
	env.Defer(func() {
		stop()
		if err := <-served; err != nil {
			panic(err)
		}
	})
	env.Setenv("UBRIDGE_SOCKET", path)
	env.Setenv("TZ", "UTC")
	return nil
}

// exits CODE COMMAND… runs a command that must end with this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	code := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		code = err.Error()[len("exit status "):]
	}
	if code != args[0] {
		ts.Fatalf("%v: exit code %s, want %s", args[1:], code, args[0])
	}
}
