package cli

import (
	"bufio"
	"fmt"
	"io"
	"iter"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) nat() *cobra.Command {
	return group("nat", "address translation", a.natFlows())
}

func (a *app) natFlows() *cobra.Command {
	return a.asking("flows [NET]", "list the translated conversations", "  ubridge nat flows default",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			flows := c.Flows(cmd.Context(), optional(args, 0))
			if a.json {
				return streamJSON(cmd.OutOrStdout(), flows)
			}
			return printFlows(cmd.OutOrStdout(), flows)
		})
}

// Widths that hold any IPv4 endpoint: flows are printed as they come, so the
// widest is not known.
var flowWidths = []int{10, 5, 21, 21, 21, 11, 7}

func printFlows(out io.Writer, flows iter.Seq2[api.Flow, error]) error {
	w := bufio.NewWriter(out)
	t := newTable(w, "Network", "Proto", "Inside", "Outside", "Remote", "State", "Expires")
	started := false
	for f, err := range flows {
		if err != nil {
			_ = w.Flush() // what was there before the error; the error tells more
			return err
		}
		if !started {
			if err := t.header(flowWidths); err != nil {
				return err
			}
			started = true
		}
		cells := clean([]string{f.Network, f.Proto, f.Inside, f.Outside, f.Remote, f.State, fmt.Sprintf("%.0fs", f.ExpiresIn)})
		if err := t.row(flowWidths, cells); err != nil {
			return err
		}
	}
	if !started {
		if err := t.header(flowWidths); err != nil {
			return err
		}
	}
	return w.Flush()
}
