package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/netupdate"
)

// scope is which of a network's two definitions a verb changes.
type scope struct{ live, config, current bool }

func (s *scope) flags(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&s.live, "live", false, "change what runs")
	cmd.Flags().BoolVar(&s.config, "config", false, "change the definition, for the next start")
	cmd.Flags().BoolVar(&s.current, "current", false, "change what runs if the network is active, else the definition")
}

func (s *scope) check() error {
	if s.current && (s.live || s.config) {
		return api.Errorf(api.Usage, "--current excludes --live and --config")
	}
	return nil
}

// everywhere is the scope of a verb that was given none: whatever there is.
func (s *scope) everywhere(ctx context.Context, c *api.Client, network string) error {
	if s.live || s.config || s.current {
		return nil
	}
	n, err := c.Network(ctx, network)
	if err != nil {
		return err
	}
	s.live, s.config = n.Active, n.Persistent
	return nil
}

func (a *app) netUpdate() *cobra.Command {
	var s scope
	var dry bool
	var parent int
	cmd := a.asking("update NET COMMAND SECTION XML|FILE|KEY=VALUE...", "add, delete or modify one element of a network, as virsh net-update",
		"  ubridge net update default add ip-dhcp-host mac=52:54:00:00:00:05 ip=192.168.122.5 name=web --live --config\n"+
			"  ubridge net update default add-last dns-host host.xml --config",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if parent > 0 {
				return api.Errorf(api.Usage, "--parent-index %d: a network has one subnet here, which is 0", parent)
			}
			u, err := elementOf(args[1], args[2], args[3:])
			if err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return err
			}
			return a.change(cmd, c, api.ChangeRequest{Network: args[0], Update: &u, Live: s.live, Config: s.config, DryRun: dry})
		})
	cmd.Long = cmd.Short + `.

COMMAND is add, add-first, add-last, delete or modify. SECTION is ` + strings.Join(netupdate.Sections(), ", ") + `.
The element comes as libvirt's XML, as the name of a file with it, or as its
attributes. Without --live and --config the network that runs is changed, and its
definition stays, if it is active.`
	s.flags(cmd)
	dryFlag(cmd, &dry)
	cmd.Flags().IntVar(&parent, "parent-index", 0, "`INDEX` of the subnet, as virsh has it; there is one")
	return cmd
}

func dryFlag(cmd *cobra.Command, dry *bool) {
	cmd.Flags().BoolVar(dry, "dry-run", false, "check, and say what would be done")
}

// elementOf reads the element as virsh does: XML where it begins like that, else
// the name of a file; here it may also be attributes.
func elementOf(command, section string, args []string) (api.Update, error) {
	u := api.Update{Command: command, Section: section}
	switch {
	case len(args) == 1 && strings.HasPrefix(strings.TrimSpace(args[0]), "<"):
		u.XML = args[0]
	case len(args) == 1 && (filepath.Ext(args[0]) == ".xml" || !strings.Contains(args[0], "=")):
		text, err := readBounded(args[0])
		if err != nil {
			return u, err
		}
		u.XML = text
	default:
		u.Words = args
	}
	return u, nil
}

// readBounded reads a file of at most a megabyte.
func readBounded(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	const most = 1 << 20
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(text) > most {
		return "", api.Errorf(api.Usage, "%s: larger than 1 MiB", path)
	}
	return string(text), nil
}

func (a *app) netSet() *cobra.Command {
	var s scope
	var dry bool
	cmd := a.asking("set NET KEY=VALUE...", "set keys of a network's definition, in what runs too if it is active",
		"  ubridge net set default dhcp.lease_time=12h dns.upstreams=192.0.2.53,192.0.2.54\n  ubridge net set lab mtu=9000 --dry-run",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := s.check(); err != nil {
				return err
			}
			if err := s.everywhere(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			return a.change(cmd, c, api.ChangeRequest{Network: args[0], Set: args[1:], Live: s.live, Config: s.config, DryRun: dry})
		})
	cmd.Long = cmd.Short + `.

Keys are those of the definition's file, such as dhcp.lease_time. The elements of a
list have commas between them; an empty value is the default. What cannot change
while guests are attached is said, and waits for ` + "`ubridge net restart`." + ``
	s.flags(cmd)
	dryFlag(cmd, &dry)
	return cmd
}

func (a *app) netAutostart() *cobra.Command {
	var disable bool
	cmd := a.asking("autostart NET", "start a network with the daemon, or no longer", "  ubridge net autostart lab --disable",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			var s scope
			if err := s.everywhere(cmd.Context(), c, args[0]); err != nil {
				return err
			}
			if !s.config {
				return api.Errorf(api.Conflict, "network %s is transient: it is gone when it stops", args[0])
			}
			r := api.ChangeRequest{Network: args[0], Set: []string{fmt.Sprintf("autostart=%v", !disable)}, Live: s.live, Config: true}
			_, err := c.Change(cmd.Context(), r)
			if disable {
				return a.done(cmd, err, "network %s does not start with the daemon", args[0])
			}
			return a.done(cmd, err, "network %s starts with the daemon", args[0])
		})
	cmd.Flags().BoolVar(&disable, "disable", false, "no longer start it with the daemon")
	return cmd
}

func (a *app) netRestart() *cobra.Command {
	return a.asking("restart NET", "stop a network and start it as it is defined; guests keep their link", "  ubridge net restart lab",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			return a.done(cmd, c.Restart(cmd.Context(), args[0]), "network %s restarted", args[0])
		})
}

// change asks for a change and says what it did.
func (a *app) change(cmd *cobra.Command, c *api.Client, r api.ChangeRequest) error {
	res, err := c.Change(cmd.Context(), r)
	if err != nil {
		return err
	}
	if a.json {
		return printJSON(cmd.OutOrStdout(), []api.ChangeResult{res})
	}
	if err := printSteps(cmd.OutOrStdout(), res); err != nil {
		return err
	}
	return printChanged(cmd.OutOrStdout(), res, r.DryRun)
}

// printSteps says what differs, and when it takes effect.
func printSteps(out io.Writer, res api.ChangeResult) error {
	effect := map[string]string{
		api.EffectNow:     "",
		api.EffectRestart: ", after `ubridge net restart " + res.Network + "`",
		api.EffectDaemon:  ", when the daemon is started again",
	}
	var b strings.Builder
	for _, s := range res.Steps {
		fmt.Fprintf(&b, "%s%s\n", s.Key, effect[s.Effect])
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "  %s\n", shown(line))
		}
		if s.Note != "" {
			fmt.Fprintf(&b, "    (%s)\n", s.Note)
		}
	}
	_, err := io.WriteString(out, b.String())
	return err
}

func printChanged(out io.Writer, res api.ChangeResult, dry bool) error {
	what := "definition"
	switch {
	case res.Live && res.Config:
		what = "definition and live state"
	case res.Live:
		what = "live state"
	}
	text := fmt.Sprintf("network %s updated: %s\n", res.Network, what)
	switch {
	case len(res.Steps) == 0:
		text = fmt.Sprintf("network %s is that already\n", res.Network)
	case dry:
		text = fmt.Sprintf("network %s would be updated: %s\n", res.Network, what)
	}
	_, err := io.WriteString(out, text)
	return err
}

// waits reports whether a change takes effect later only.
func waits(res api.ChangeResult) bool {
	return slices.ContainsFunc(res.Steps, func(s api.Step) bool { return s.Effect != api.EffectNow })
}
