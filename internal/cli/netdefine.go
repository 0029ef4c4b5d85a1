package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

func (a *app) netCreate() *cobra.Command {
	var r api.CreateRequest
	cmd := a.asking("create NAME|FILE", "define a network, start it now and with the daemon; from XML: start it until it stops",
		"  ubridge net create lab --subnet 10.9.0.0/24\n  ubridge net create ./lab.toml\n  ubridge net create ./lab.xml",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := fillCreate(cmd, &r, args[0]); err != nil {
				return err
			}
			info, err := c.Create(cmd.Context(), r)
			if err != nil {
				return err
			}
			warn(cmd, info)
			if a.json {
				return printJSON(cmd.OutOrStdout(), []api.NetworkInfo{info})
			}
			life := ""
			if !info.Persistent {
				life = "; it is transient, gone when it stops"
			}
			where := whereabouts(info)
			if len(info.Subnets) > 0 {
				where = strings.Join(info.Subnets, " ") + " on " + info.Bridge
			}
			return a.done(cmd, err, "network %s created: %s%s", info.Name, where, life)
		})
	cmd.ValidArgsFunction = nil // a new name, or a file
	cmd.Flags().StringVar(&r.Mode, "mode", "", "how guests reach the world: `MODE` nat (the default), isolated, host-only, route, open or bridge")
	cmd.Flags().StringVar(&r.Subnet, "subnet", "", "subnet, or the gateway's address in it, as `CIDR` (default the next free)")
	cmd.Flags().IntVar(&r.MTU, "mtu", 0, "MTU of the ports in `BYTES` (default 1500)")
	cmd.Flags().StringVar(&r.Domain, "domain", "", "`DOMAIN` of the guests' names")
	cmd.Flags().StringVar(&r.Bridge, "bridge", "", "device `DEV` of the host port (default the next free ubrN)")
	cmd.Flags().StringVar(&r.Uplink, "uplink", "", "`NIC` whose LAN guests are on (mode bridge), or the only way out and in")
	cmd.Flags().StringVar(&r.FastPath, "fastpath", "", "whether the kernel forwards what is known: `MODE` off, auto or kernel (default as the daemon says)")
	return cmd
}

// fillCreate takes the definition from a file, or the name for the flags.
func fillCreate(cmd *cobra.Command, r *api.CreateRequest, arg string) (err error) {
	if !isFile(arg) {
		r.Name = arg
		return checkName(arg)
	}
	for _, flag := range []string{"mode", "subnet", "mtu", "domain", "bridge", "uplink", "fastpath"} {
		if cmd.Flags().Changed(flag) {
			return api.Errorf(api.Usage, "--%s does not go with a file; write it into %s", flag, arg)
		}
	}
	text, err := readDefinition(cmd, arg)
	r.Name, r.TOML, r.XML, r.File = text.Name, text.TOML, text.XML, text.File
	return err
}

func (a *app) netDefine() *cobra.Command {
	cmd := a.asking("define FILE", "define a network from NAME.toml or libvirt XML (- for standard input), and start nothing",
		"  ubridge net define ./lab.toml && ubridge net start lab\n  virsh net-dumpxml lab | ubridge net define -",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			r, err := readDefinition(cmd, args[0])
			if err != nil {
				return err
			}
			info, err := c.Define(cmd.Context(), r)
			if err != nil {
				return err
			}
			warn(cmd, info)
			if a.json {
				return printJSON(cmd.OutOrStdout(), []api.NetworkInfo{info})
			}
			return a.done(cmd, err, "network %s defined from %s", info.Name, args[0])
		})
	cmd.ValidArgsFunction = nil // a file
	return cmd
}

// warn tells what of a definition in libvirt's form is kept and not in force.
func warn(cmd *cobra.Command, info api.NetworkInfo) {
	for _, note := range info.NotInForce {
		fmt.Fprintf(cmd.ErrOrStderr(), "ubridge: not in force: %s\n", note)
	}
}

func (a *app) netDumpXML() *cobra.Command {
	var inactive bool
	cmd := a.asking("dumpxml NET", "print a network's definition in libvirt's form, as it runs", "  ubridge net dumpxml default --inactive",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			xml, err := c.DumpXML(cmd.Context(), args[0], inactive)
			if err != nil {
				return err
			}
			if a.json {
				return printJSON(cmd.OutOrStdout(), []map[string]string{{"name": args[0], "xml": xml}})
			}
			_, err = io.WriteString(cmd.OutOrStdout(), xml)
			return err
		})
	cmd.Flags().BoolVar(&inactive, "inactive", false, "as it is defined, without what was chosen when it started")
	return cmd
}

func isFile(arg string) bool {
	ext := filepath.Ext(arg)
	return arg == "-" || ext == ".toml" || ext == ".xml" || strings.ContainsRune(arg, '/')
}

// readDefinition reads DIR/NAME.toml, or libvirt XML of any name; "-" is standard
// input, which has no name and so must be XML.
func readDefinition(cmd *cobra.Command, path string) (r api.DefineRequest, err error) {
	in := cmd.InOrStdin()
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return r, err
		}
		defer f.Close()
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, config.MaxFile+1))
	switch ext := filepath.Ext(path); {
	case err != nil:
		return r, fmt.Errorf("read %s: %w", path, err)
	case len(b) > config.MaxFile:
		return r, api.Errorf(api.Usage, "%s: larger than 1 MiB; check that it is a definition", path)
	case ext != ".toml" && len(b) == 0:
		return r, api.Errorf(api.Usage, "%s is empty; give a definition", path)
	case ext == ".toml":
		r.Name, r.TOML = strings.TrimSuffix(filepath.Base(path), ".toml"), string(b)
		return r, checkName(r.Name)
	case ext == ".xml" || looksLikeXML(b):
		r.XML, r.File = string(b), path
		return r, nil
	case path == "-":
		return r, api.Errorf(api.Usage, "standard input holds no XML; give TOML as a file NAME.toml, which names the network")
	}
	return r, api.Errorf(api.Usage, "%s: a definition is a file NAME.toml, or libvirt XML; rename it", path)
}

func looksLikeXML(b []byte) bool {
	return bytes.HasPrefix(bytes.TrimSpace(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))), []byte("<"))
}

func checkName(name string) error {
	if err := config.CheckName(name); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	return nil
}
