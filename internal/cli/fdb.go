package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

// fdb prints what brctl showmacs prints: stations by MAC, the ageing timer in
// seconds with two decimals.
func (a *app) fdb() *cobra.Command {
	var format string
	cmd := a.asking("fdb [NET]", "list the stations and the ports they are behind, as brctl showmacs", "  ubridge fdb default\n  ubridge fdb --format bridge --json",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, a.json); err != nil {
				return err
			}
			if format == formatBrctl {
				if len(args) == 0 {
					return api.Errorf(api.Usage, "brctl showmacs is of one bridge: name the network")
				}
				return printMACs(cmd.Context(), c, cmd.OutOrStdout(), args[0])
			}
			list, err := collect(c.FDB(cmd.Context(), optional(args, 0)))
			if err != nil {
				return err
			}
			slices.SortFunc(list, func(x, y api.Station) int {
				return cmp.Or(cmp.Compare(x.Network, y.Network), cmp.Compare(x.MAC, y.MAC))
			})
			if format == formatBridge {
				names, err := masters(cmd.Context(), c)
				if err != nil {
					return err
				}
				return a.bridgeFDB(cmd.OutOrStdout(), list, names)
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), list)
			}
			t := newTable(cmd.OutOrStdout(), "network", "port", "mac addr", "is static?", "ageing timer")
			for _, s := range list {
				t.add(s.Network, s.Port, s.MAC, yesNo(s.Static), fmt.Sprintf("%12.2f", s.Age))
			}
			return t.print()
		})
	formatFlag(cmd, &format)
	return cmd
}
