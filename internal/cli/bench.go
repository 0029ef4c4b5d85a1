package cli

import (
	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) bench() *cobra.Command {
	var o BenchOptions
	var quick bool
	cmd := a.command("bench", "measure ubridge beside its peers, in private namespaces",
		"  sudo ubridge bench                          the headlines, within two minutes\n"+
			"  sudo ubridge bench --only '^tcp$' --rounds 9\n"+
			"  sudo ubridge bench --full --out results     everything, within an hour\n"+
			"  ubridge bench --list",
		func(cmd *cobra.Command, _ []string) error {
			if a.hooks.Bench == nil {
				return api.Errorf(api.Failed, "this binary has no bench in it; build cmd/ubridge with one")
			}
			ctx, stop := stoppable(cmd.Context())
			defer stop()
			o.Stdout, o.Stderr = cmd.OutOrStdout(), cmd.ErrOrStderr()
			return a.hooks.Bench(ctx, o)
		})
	f := cmd.Flags()
	f.BoolVar(&quick, "quick", false, "the headlines within two minutes; the default")
	f.BoolVar(&o.Full, "full", false, "all scenarios and peers, within an hour")
	f.StringVar(&o.Only, "only", "", "only scenarios whose name matches `REGEX`")
	f.StringSliceVar(&o.Peers, "peers", nil, "only these `PEERS`, separated by commas, and the reference")
	f.IntVar(&o.Rounds, "rounds", 0, "interleaved rounds (default 3, with --full 5)")
	f.Float64Var(&o.Seconds, "seconds", 0, "length of one measurement (default 0.5, with --full 1)")
	f.BoolVar(&o.List, "list", false, "only name the scenarios and the peers")
	f.StringVar(&o.Out, "out", "bench-out", "`DIR` of tables, results and charts")
	f.StringVar(&o.JSON, "json", "", "`FILE` of the results (default results.json in --out)")
	cmd.MarkFlagsMutuallyExclusive("quick", "full")
	return cmd
}

// benchHelper is the verb by which the bench starts this binary again.
func (a *app) benchHelper() *cobra.Command {
	cmd := a.command("bench-helper PART [ARG] [ARG] [ARG] [ARG]", "play a part of the bench; the bench calls it",
		"  ubridge bench-helper switch /run/netns/a eth0 /run/netns/b eth0",
		func(cmd *cobra.Command, args []string) error {
			if a.hooks.BenchHelper == nil {
				return api.Errorf(api.Failed, "this binary has no bench in it; build cmd/ubridge with one")
			}
			ctx, stop := stoppable(cmd.Context())
			defer stop()
			return a.hooks.BenchHelper(ctx, cmd.OutOrStdout(), args)
		})
	cmd.Hidden = true
	return cmd
}
