package cli

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/importer"
	"ubridge/internal/importer/dnsmasq"
	"ubridge/internal/importer/ifcfg"
	"ubridge/internal/importer/ifupdown"
	"ubridge/internal/importer/netplan"
)

// importOptions are the flags of `ubridge import`.
type importOptions struct {
	kind  string
	name  string // --name
	only  string // --only
	root  string // --root
	apply bool
	start bool
	undo  bool
}

func (a *app) importing() *cobra.Command {
	return group("import", "networks of other tools, with what cannot be carried over; nothing is changed without --apply",
		a.importLibvirt(),
		a.importKind("interfaces [FILE]", "bridges of /etc/network/interfaces, and what it sources",
			"  ubridge import interfaces\n  ubridge import interfaces --only br1 --apply", readInterfaces),
		a.importKind("ifcfg [DIR]", "bridges of /etc/sysconfig/network-scripts, as on Red Hat",
			"  ubridge import ifcfg --root /mnt/old-host", readIfcfg),
		a.importKind("netplan [FILE]", "bridges of netplan's YAML",
			"  ubridge import netplan", readNetplan),
		a.importKind("dnsmasq [FILE]", "networks that a dnsmasq serves, with reservations, names and leases",
			"  ubridge import dnsmasq --name lab --apply --start", readDnsmasq))
}

// reading reads the files of a kind; arg is what the user named, "" for the usual.
type reading func(files *importer.Files, arg string) (importer.Plan, error)

func readInterfaces(files *importer.Files, arg string) (importer.Plan, error) {
	return ifupdown.Read(files, or(arg, ifupdown.DefaultFile))
}

func readIfcfg(files *importer.Files, arg string) (importer.Plan, error) {
	return ifcfg.Read(files, or(arg, ifcfg.DefaultDir))
}

func readNetplan(files *importer.Files, arg string) (importer.Plan, error) {
	if arg == "" {
		return netplan.Read(files)
	}
	return netplan.Read(files, arg)
}

// readDnsmasq knows the interfaces' addresses from what else brings bridges up.
func readDnsmasq(files *importer.Files, arg string) (importer.Plan, error) {
	var bridges []importer.Network
	for _, read := range []reading{readInterfaces, readIfcfg, readNetplan} {
		if plan, err := read(files, ""); err == nil { // it helps where it is there
			bridges = append(bridges, plan.Networks...)
		}
	}
	return dnsmasq.Read(files, or(arg, dnsmasq.DefaultFile), bridges)
}

func or(arg, usual string) string {
	if arg == "" {
		return usual
	}
	return arg
}

// flags adds what all kinds have.
func (o *importOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.name, "name", "", "name `NET` of the network here (default as it has there)")
	cmd.Flags().BoolVar(&o.apply, "apply", false, "define what is printed, with its leases")
	cmd.Flags().BoolVar(&o.undo, "undo", false, "take back what --apply did")
	cmd.Flags().StringVar(&o.root, "root", "", "read the files below `DIR` instead of this host's")
}

func (a *app) importKind(use, short, example string, read reading) *cobra.Command {
	o := &importOptions{kind: strings.Fields(use)[0]}
	cmd := a.command(use, short, example, func(cmd *cobra.Command, args []string) error {
		if err := o.check(args); err != nil {
			return err
		}
		c := a.client()
		defer c.Close()
		if o.undo {
			return a.undoImports(c, cmd, o, optional(args, 0))
		}
		plan, err := o.plan(read, optional(args, 0))
		if err != nil {
			return err
		}
		return a.importPlan(c, cmd, o, &plan)
	})
	o.flags(cmd)
	cmd.Flags().StringVar(&o.only, "only", "", "of several networks the one that is called `NET` there")
	cmd.Flags().BoolVar(&o.start, "start", false, "with --apply: start it, once what ran it before is stopped")
	return cmd
}

func (o *importOptions) check(args []string) error {
	switch {
	case o.apply && o.undo:
		return api.Errorf(api.Usage, "--apply and --undo exclude each other; give one")
	case o.start && !o.apply:
		return api.Errorf(api.Usage, "--start goes with --apply")
	case o.root != "" && o.undo:
		return api.Errorf(api.Usage, "--undo reads no files; leave --root out")
	case o.name != "":
		return checkName(o.name)
	}
	return nil
}

// plan reads and narrows down.
func (o *importOptions) plan(read reading, arg string) (plan importer.Plan, err error) {
	files, done, err := o.files()
	if err != nil {
		return plan, err
	}
	defer done()
	if arg != "" && o.root == "" {
		if arg, err = filepath.Abs(arg); err != nil {
			return plan, err
		}
	}
	if plan, err = read(files, arg); err != nil {
		return plan, err
	}
	if o.only != "" {
		err = plan.Only(o.only)
	}
	if err == nil && o.name != "" {
		err = plan.Rename(o.name)
	}
	if err != nil {
		err = api.Errorf(api.Usage, "%v", err)
	}
	return plan, err
}

// files opens this host's files, or those below --root: then no link of theirs
// leads out.
func (o *importOptions) files() (files *importer.Files, done func(), err error) {
	if o.root == "" {
		return importer.NewFiles(os.DirFS("/")), func() {}, nil
	}
	root, err := os.OpenRoot(o.root)
	if err != nil {
		return nil, nil, err
	}
	return importer.NewFiles(root.FS()), func() { _ = root.Close() }, nil
}

// importPlan prints a plan and, if asked to, has it made.
func (a *app) importPlan(c *api.Client, cmd *cobra.Command, o *importOptions, plan *importer.Plan) error {
	steps := importSteps(c, o, plan)
	if !o.apply {
		return a.printPlan(cmd, o, plan, nil)
	}
	if len(plan.Networks) == 0 {
		return errors.Join(a.printPlan(cmd, o, plan, nil), api.Errorf(api.Failed, "there is no network to be imported; the notes say why"))
	}
	if err := a.printPlan(cmd, o, plan, steps); err != nil {
		return err
	}
	if err := a.runSteps(cmd, steps); err != nil {
		return err
	}
	return a.whatNext(cmd, o, plan)
}

// importSteps define each network of a plan.
func importSteps(c *api.Client, o *importOptions, plan *importer.Plan) (steps []step) {
	for i := range plan.Networks {
		n := &plan.Networks[i]
		r := importRequest(o, n)
		steps = append(steps, importStep(c, r, n))
	}
	return steps
}

func importRequest(o *importOptions, n *importer.Network) api.ImportRequest {
	r := api.ImportRequest{Name: n.Name, TOML: string(n.Marshal()), Kind: o.kind, From: n.From, Start: o.start}
	for _, l := range n.Leases {
		r.Leases = append(r.Leases, leaseLine(n, l))
	}
	return r
}

// undoImports takes back the imports of a kind: that of a name, or all.
func (a *app) undoImports(c *api.Client, cmd *cobra.Command, o *importOptions, name string) error {
	if name != "" {
		return api.Errorf(api.Usage, "--undo reads no file; name the network by --name")
	}
	list, err := o.imported(c, cmd)
	if err != nil {
		return err
	}
	for _, m := range list {
		if err := c.UndoImport(cmd.Context(), m.Network); err != nil {
			return err
		}
		a.progress(cmd, "import of network %s, of %s, taken back", m.Network, shown(m.From))
	}
	return a.noList(cmd)
}

// noList is what a change prints with --json.
func (a *app) noList(cmd *cobra.Command) error {
	if !a.json {
		return nil
	}
	return printJSON(cmd.OutOrStdout(), []api.Network{})
}

// imported are the imports that are meant.
func (o *importOptions) imported(c *api.Client, cmd *cobra.Command) ([]api.Import, error) {
	list, err := c.Imports(cmd.Context())
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(m api.Import) bool {
		return m.Kind != o.kind || o.name != "" && m.Network != o.name || o.only != "" && m.Network != o.only
	})
	if len(list) == 0 {
		return nil, api.Errorf(api.NotFound, "no import of %s can be taken back", o.kind)
	}
	return list, nil
}
