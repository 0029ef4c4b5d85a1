package cli

import (
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
	cmd := a.asking("create NAME|FILE.toml", "define a network, start it now and with the daemon",
		"  ubridge net create lab --subnet 10.9.0.0/24\n  ubridge net create ./lab.toml",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			if err := fillCreate(cmd, &r, args[0]); err != nil {
				return err
			}
			info, err := c.Create(cmd.Context(), r)
			if err == nil && a.json {
				return printJSON(cmd.OutOrStdout(), []api.NetworkInfo{info})
			}
			if len(info.Subnets) == 0 {
				return a.done(cmd, err, "network %s created: %s", info.Name, whereabouts(info))
			}
			return a.done(cmd, err, "network %s created: %s on %s", info.Name, strings.Join(info.Subnets, " "), info.Bridge)
		})
	cmd.ValidArgsFunction = nil // a new name, or a file
	cmd.Flags().StringVar(&r.Mode, "mode", "", "how guests reach the world: `MODE` nat (the default), isolated, host-only, route, open or bridge")
	cmd.Flags().StringVar(&r.Subnet, "subnet", "", "subnet, or the gateway's address in it, as `CIDR` (default the next free)")
	cmd.Flags().IntVar(&r.MTU, "mtu", 0, "MTU of the ports in `BYTES` (default 1500)")
	cmd.Flags().StringVar(&r.Domain, "domain", "", "`DOMAIN` of the guests' names")
	cmd.Flags().StringVar(&r.Bridge, "bridge", "", "device `DEV` of the host port (default the next free ubrN)")
	cmd.Flags().StringVar(&r.Uplink, "uplink", "", "`NIC` whose LAN guests are on (mode bridge), or the only way out and in")
	return cmd
}

// fillCreate takes the definition from a file, or the name for the flags.
func fillCreate(cmd *cobra.Command, r *api.CreateRequest, arg string) (err error) {
	if !isFile(arg) {
		r.Name = arg
		return checkName(arg)
	}
	for _, flag := range []string{"mode", "subnet", "mtu", "domain", "bridge", "uplink"} {
		if cmd.Flags().Changed(flag) {
			return api.Errorf(api.Usage, "--%s does not go with a file; write it into %s", flag, arg)
		}
	}
	r.Name, r.TOML, err = readDefinition(arg)
	return err
}

func (a *app) netDefine() *cobra.Command {
	cmd := a.asking("define FILE.toml", "define a network from a file, named as the file, and start nothing",
		"  ubridge net define ./lab.toml && ubridge net start lab",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			name, text, err := readDefinition(args[0])
			if err != nil {
				return err
			}
			n, err := c.Define(cmd.Context(), api.DefineRequest{Name: name, TOML: text})
			if err == nil && a.json {
				return printJSON(cmd.OutOrStdout(), []api.Network{n})
			}
			return a.done(cmd, err, "network %s defined from %s", name, args[0])
		})
	cmd.ValidArgsFunction = nil // a file
	return cmd
}

func isFile(arg string) bool {
	ext := filepath.Ext(arg)
	return ext == ".toml" || ext == ".xml" || strings.ContainsRune(arg, '/')
}

// readDefinition reads DIR/NAME.toml.
func readDefinition(path string) (name, text string, err error) {
	switch filepath.Ext(path) {
	case ".toml":
	case ".xml":
		return "", "", api.Errorf(api.Usage, "%s: libvirt XML comes in a later version; write TOML, as in examples/networks.d/default.toml", path)
	default:
		return "", "", api.Errorf(api.Usage, "%s: a definition is a file NAME.toml; rename it", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, config.MaxFile+1))
	if err != nil {
		return "", "", fmt.Errorf("read %s: %w", path, err)
	}
	if len(b) > config.MaxFile {
		return "", "", api.Errorf(api.Usage, "%s: larger than 1 MiB; check that it is a definition", path)
	}
	name = strings.TrimSuffix(filepath.Base(path), ".toml")
	return name, string(b), checkName(name)
}

func checkName(name string) error {
	if err := config.CheckName(name); err != nil {
		return api.Errorf(api.Usage, "%v", err)
	}
	return nil
}
