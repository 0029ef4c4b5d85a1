package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/importer"
)

// step is one change of an import. undo takes it back and is nil where there is
// nothing to take back.
type step struct {
	text string
	do   func(ctx context.Context) error
	undo func(ctx context.Context) error
}

// runSteps takes the steps in order, and says so. When one fails, or the user
// ends it, those that were taken are taken back, the latest first.
func (a *app) runSteps(cmd *cobra.Command, steps []step) error {
	ctx := cmd.Context()
	for i, s := range steps {
		err := ctx.Err()
		if err == nil {
			err = s.do(ctx)
		}
		if err != nil {
			return a.takeBack(cmd, steps[:i], fmt.Errorf("%s: %w", s.text, err))
		}
		a.progress(cmd, "done: %s", s.text)
	}
	return nil
}

// takeBack undoes steps. It goes on where one fails, and with the user gone.
func (a *app) takeBack(cmd *cobra.Command, taken []step, because error) error {
	ctx := context.WithoutCancel(cmd.Context())
	left := []error{because}
	for i := len(taken) - 1; i >= 0; i-- {
		s := taken[i]
		if s.undo == nil {
			continue
		}
		if err := s.undo(ctx); err != nil {
			left = append(left, fmt.Errorf("not taken back: %s: %w", s.text, err))
			continue
		}
		a.progress(cmd, "taken back: %s", s.text)
	}
	if len(left) == 1 {
		return fmt.Errorf("%w; everything is as it was", because)
	}
	return errors.Join(left...)
}

// progress goes to people only.
func (a *app) progress(cmd *cobra.Command, format string, args ...any) {
	if !a.json {
		fmt.Fprintf(cmd.OutOrStdout(), format+"\n", args...)
	}
}

// importStep has the daemon define a network.
func importStep(c *api.Client, r api.ImportRequest, n *importer.Network) step {
	verb := "define"
	if r.Start {
		verb = "define and start"
	}
	return step{
		text: fmt.Sprintf("%s network %s, mode %s%s", verb, n.Name, n.Mode, withLeases(len(r.Leases))),
		do:   func(ctx context.Context) error { _, err := c.Import(ctx, r); return err },
		undo: func(ctx context.Context) error { return c.UndoImport(ctx, n.Name) },
	}
}

func withLeases(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return ", with a lease"
	}
	return fmt.Sprintf(", with %d leases", n)
}

// leaseLine is a lease as the API has it.
func leaseLine(n *importer.Network, l importer.Lease) api.Lease {
	line := api.Lease{
		Network: n.Name, MAC: l.MAC.String(), IP: l.IP.String(), Prefix: n.Address.Bits(), Hostname: l.Hostname,
		ClientID: strings.ReplaceAll(fmt.Sprintf("% x", l.ClientID), " ", ":"), Protocol: "ipv4",
	}
	if !l.Expires.IsZero() {
		line.Expires = l.Expires.Unix()
	}
	return line
}

// planLine is a plan with --json.
type planLine struct {
	Kind     string          `json:"kind"`
	Networks []plannedLine   `json:"networks"`
	Notes    []importer.Note `json:"notes"`
	Steps    []string        `json:"steps"` // that --apply takes
}

// plannedLine is one network of a plan with --json.
type plannedLine struct {
	Name   string      `json:"name"`
	Mode   string      `json:"mode"`
	From   string      `json:"from"`
	TOML   string      `json:"toml"`
	Leases []api.Lease `json:"leases"`
	Edit   string      `json:"edit"` // what is left to the user
}

// printPlan prints a plan and the steps that are about to be taken.
func (a *app) printPlan(cmd *cobra.Command, o *importOptions, plan *importer.Plan, steps []step) error {
	if a.json {
		return printJSON(cmd.OutOrStdout(), []planLine{linesOf(o, plan, steps)})
	}
	text := plan.Text()
	if text == "" {
		text = "# there is no bridge in it\n"
	}
	if len(steps) > 0 {
		text += "# steps:\n"
		for i, s := range steps {
			text += fmt.Sprintf("#   %d. %s\n", i+1, s.text)
		}
	}
	_, err := fmt.Fprint(cmd.OutOrStdout(), text)
	return err
}

func linesOf(o *importOptions, plan *importer.Plan, steps []step) planLine {
	line := planLine{Kind: o.kind, Networks: []plannedLine{}, Notes: plan.Notes, Steps: []string{}}
	if line.Notes == nil {
		line.Notes = []importer.Note{}
	}
	for _, s := range steps {
		line.Steps = append(line.Steps, s.text)
	}
	for i := range plan.Networks {
		n := &plan.Networks[i]
		p := plannedLine{Name: n.Name, Mode: string(n.Mode), From: n.From, TOML: string(n.Marshal()), Leases: []api.Lease{}, Edit: n.Edit}
		for _, l := range n.Leases {
			p.Leases = append(p.Leases, leaseLine(n, l))
		}
		line.Networks = append(line.Networks, p)
	}
	return line
}

// whatNext says how the networks are started, and taken back.
func (a *app) whatNext(cmd *cobra.Command, o *importOptions, plan *importer.Plan) error {
	if a.json {
		return nil
	}
	var b strings.Builder
	for i := range plan.Networks {
		if n := &plan.Networks[i]; !o.start {
			fmt.Fprintf(&b, "start it once what ran it before is stopped: ubridge net start %s\n", n.Name)
		}
	}
	fmt.Fprintf(&b, "take it back: ubridge import %s --undo\n", o.kind)
	_, err := fmt.Fprint(cmd.OutOrStdout(), b.String())
	return err
}
