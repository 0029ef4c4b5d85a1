package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

// eventOptions are what `net event` was given.
type eventOptions struct {
	network, kind             string
	loop, timestamp, list, js bool
	timeout                   float64 // seconds; 0: none
}

func (a *app) netEvent() *cobra.Command {
	var o eventOptions
	cmd := a.asking("event [NET]", "wait for something to happen: a network's life, leases, ports", "  ubridge net event --loop --timestamp\n  ubridge net event default --event lease --timeout 60",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if o.list {
				_, err := fmt.Fprintln(cmd.OutOrStdout(), strings.Join(api.EventTypes(), "\n"))
				return err
			}
			if len(args) > 0 && o.network != "" {
				return api.Errorf(api.Usage, "--network %s and %s: name one", o.network, args[0])
			}
			if o.kind != "" && !slices.Contains(api.EventTypes(), o.kind) {
				return api.Errorf(api.Usage, "there is no event type %q; the types are %s", o.kind, strings.Join(api.EventTypes(), ", "))
			}
			o.network, o.js = o.network+optional(args, 0), a.json
			return o.wait(cmd, c)
		})
	cmd.Flags().StringVar(&o.network, "network", "", "of the network `NET` only")
	cmd.Flags().StringVar(&o.kind, "event", "", "of one `TYPE` only: lifecycle, lease or port")
	cmd.Flags().BoolVar(&o.loop, "loop", false, "until interrupted, not until the first event")
	cmd.Flags().Float64Var(&o.timeout, "timeout", 0, "give up after `SECONDS`")
	cmd.Flags().BoolVar(&o.timestamp, "timestamp", false, "say when it happened")
	cmd.Flags().BoolVar(&o.list, "list", false, "list the types of events")
	_ = cmd.RegisterFlagCompletionFunc("event", func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return api.EventTypes(), cobra.ShellCompDirectiveNoFileComp
	}) // fails only where the flag is missing
	return cmd
}

// wait prints events until one was enough, time is up, or the user has enough.
// As with virsh it fails where nothing happened.
func (o *eventOptions) wait(cmd *cobra.Command, c *api.Client) error {
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	interrupted := ctx
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(o.timeout*float64(time.Second)))
		defer cancel()
	}
	out, count := cmd.OutOrStdout(), 0
	for e, err := range c.Events(ctx, api.EventRequest{Network: o.network, Type: o.kind}) {
		if err != nil {
			return err
		}
		if e.Type == "" {
			continue // subscribed
		}
		count++
		if err := o.print(out, e); err != nil {
			return err
		}
		if !o.loop {
			break
		}
	}
	return o.sum(out, count, interrupted.Err() != nil, ctx.Err() != nil)
}

// sum says why it ended, as virsh does.
func (o *eventOptions) sum(out io.Writer, count int, interrupted, timedOut bool) error {
	if !o.js {
		why := ""
		if interrupted {
			why = "event loop interrupted\n"
		} else if timedOut {
			why = "event loop timed out\n"
		}
		if _, err := fmt.Fprintf(out, "%sevents received: %d\n", why, count); err != nil {
			return err
		}
	}
	if count == 0 {
		return errReported
	}
	return nil
}

func (o *eventOptions) print(out io.Writer, e api.Event) error {
	if o.js {
		return json.NewEncoder(out).Encode(e)
	}
	if e.Lost > 0 {
		if _, err := fmt.Fprintf(out, "%d events are lost: they were not read in time\n", e.Lost); err != nil {
			return err
		}
	}
	stamp := ""
	if o.timestamp {
		stamp = time.UnixMilli(int64(e.Time * 1000)).Format("2006-01-02 15:04:05.000-0700: ")
	}
	_, err := fmt.Fprintf(out, "%sevent '%s' for network %s: %s\n", stamp, e.Type, e.Network, eventText(e))
	return err
}

// eventText is what happened; virsh begins it with a capital.
func eventText(e api.Event) string {
	switch e.Type {
	case api.EventLease:
		return shown(strings.TrimSpace(fmt.Sprintf("%s %s %s %s", capital(e.Event), e.IP, e.MAC, e.Name)))
	case api.EventPort:
		return shown(capital(e.Event) + " " + e.Port)
	}
	return shown(capital(e.Event))
}

func capital(word string) string {
	if word == "" {
		return word
	}
	return strings.ToUpper(word[:1]) + word[1:]
}
