package cli

import (
	"context"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

func (a *app) run() *cobra.Command {
	var o RunOptions
	cmd := a.command("run", "run the daemon in the foreground", "  sudo ubridge run\n  sudo ubridge run --config ./ubridge.toml --state-dir /tmp/state",
		func(cmd *cobra.Command, _ []string) error {
			if a.hooks.Run == nil {
				return api.Errorf(api.Failed, "this binary has no daemon in it; build cmd/ubridge with one")
			}
			if err := checkFastPath(o.FastPath); err != nil {
				return err
			}
			ctx, stop := stoppable(cmd.Context())
			defer stop()
			o.Socket = a.socket
			live := newLive(cmd.OutOrStdout(), cmd.ErrOrStderr())
			defer live.clear()
			o.Log = live
			o.Ready = func(list []api.NetworkInfo) { live.say(readyText(list, calledAs(), socketFlag(o))) }
			if live.terminal {
				o.Status = live.Show
			}
			return a.hooks.Run(ctx, o)
		})
	cmd.Flags().StringVar(&o.Config, "config", "", "configuration `FILE` (default /etc/ubridge/ubridge.toml, if it exists)")
	cmd.Flags().StringVar(&o.StateDir, "state-dir", "", "`DIR` of leases, definitions and ports (default /var/lib/ubridge)")
	cmd.Flags().StringVar(&o.RuntimeDir, "runtime-dir", "", "`DIR` of the socket and running state (default /run/ubridge)")
	cmd.Flags().StringVar(&o.FastPath, "fastpath", "", "whether the kernel forwards what is known, for networks that do not say: `MODE` off, auto or kernel")
	return cmd
}

// checkFastPath wants a word of --fastpath, or none.
func checkFastPath(word string) error {
	if word == "" {
		return nil
	}
	if _, err := config.ParseFastPath(word); err != nil {
		return api.Errorf(api.Usage, "--fastpath: %v", err)
	}
	return nil
}

func (a *app) demo() *cobra.Command {
	var o DemoOptions
	cmd := a.command("demo", "a tour in private namespaces; it leaves no trace", "  sudo ubridge demo --keep",
		func(cmd *cobra.Command, _ []string) error {
			if a.hooks.Demo == nil {
				return api.Errorf(api.Failed, "this binary has no demo in it; build cmd/ubridge with one")
			}
			ctx, stop := stoppable(cmd.Context())
			defer stop()
			o.Out, o.Colour = cmd.OutOrStdout(), colours(cmd.OutOrStdout())
			return a.hooks.Demo(ctx, o)
		})
	cmd.Flags().BoolVar(&o.Keep, "keep", false, "leave the namespaces up, and say how to enter and remove them")
	cmd.Flags().BoolVar(&o.Clean, "clean", false, "remove what --keep has left")
	cmd.MarkFlagsMutuallyExclusive("keep", "clean")
	return cmd
}

// patience is how long further signals are taken for the first one: timeout(1)
// signals its child and then the group, so each Ctrl-C may come twice.
const patience = time.Second

// stoppable ends its context with the first SIGINT or SIGTERM; one that comes
// later than patience kills, in case the stop hangs.
func stoppable(ctx context.Context) (context.Context, func()) {
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { time.AfterFunc(patience, stop) })
	return ctx, stop
}
