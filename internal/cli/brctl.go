package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/api"
)

// brctl is one run of the binary under that name: the verbs, the output and the
// exit codes (1 for whatever goes wrong) of bridge-utils 1.7. A bridge is an
// active network, named by its host port's device or by its own name.
type brctl struct {
	client *api.Client
	out    io.Writer
	errs   io.Writer
}

// brctlVerb is a verb of brctl. What ubridge has no use for has an answer in
// place of do.
type brctlVerb struct {
	name, args, help string
	least, most      int
	do               func(b *brctl, ctx context.Context, args []string) error
	instead          string
}

var brctlVerbs = []brctlVerb{
	{"addbr", "<bridge>", "add bridge", 1, 1, nil, "a bridge is a network here: `ubridge net create NAME` makes one"},
	{"delbr", "<bridge>", "delete bridge", 1, 1, nil, "a bridge is a network here: `ubridge net stop NAME`, and `ubridge net undefine NAME` to forget it"},
	{"addif", "<bridge> <device>", "add interface to bridge", 2, 255, (*brctl).addif, ""},
	{"delif", "<bridge> <device>", "delete interface from bridge", 2, 255, (*brctl).delif, ""},
	{"hairpin", "<bridge> <port> {on|off}", "turn hairpin on/off", 3, 3, (*brctl).hairpin, ""},
	{"setageing", "<bridge> <time>", "set ageing time", 2, 2, (*brctl).setageing, ""},
	{"setbridgeprio", "<bridge> <prio>", "set bridge priority", 2, 2, nil, noTree},
	{"setfd", "<bridge> <time>", "set bridge forward delay", 2, 2, nil, noTree + "; ports forward at once"},
	{"sethello", "<bridge> <time>", "set hello time", 2, 2, nil, noTree},
	{"setmaxage", "<bridge> <time>", "set max message age", 2, 2, nil, noTree},
	{"setpathcost", "<bridge> <port> <cost>", "set path cost", 3, 3, nil, noTree},
	{"setportprio", "<bridge> <port> <prio>", "set port priority", 3, 3, nil, noTree},
	{"show", "[ <bridge> ]", "show a list of bridges", 0, 255, (*brctl).show, ""},
	{"showmacs", "<bridge>", "show a list of mac addrs", 1, 1, (*brctl).showmacs, ""},
	{"showstp", "<bridge>", "show bridge stp info", 1, 1, nil, noTree},
	{"stp", "<bridge> {on|off}", "turn stp on/off", 2, 2, (*brctl).stp, ""},
}

const noTree = "ubridge runs no spanning tree"

// Brctl runs the command line of brctl(8) and gives the exit code.
func Brctl(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	switch {
	case len(args) == 0:
		brctlUsage(stdout)
		return 1
	case args[0] == "-h" || args[0] == "--help":
		brctlUsage(stdout)
		return 0
	case args[0] == "-V" || args[0] == "--version":
		fmt.Fprintf(stdout, "ubridge %s, with the verbs of bridge-utils, 1.7\n", Version())
		return 0
	}
	at := slices.IndexFunc(brctlVerbs, func(v brctlVerb) bool { return v.name == args[0] })
	if at < 0 {
		fmt.Fprintf(stderr, "never heard of command [%s]\n", args[0])
		brctlUsage(stderr)
		return 1
	}
	v := brctlVerbs[at]
	if n := len(args) - 1; n < v.least || n > v.most {
		fmt.Fprintf(stderr, "Incorrect number of arguments for command\nUsage: brctl %s %s\t%s\n", v.name, v.args, v.help)
		return 1
	}
	if v.do == nil {
		fmt.Fprintf(stderr, "brctl %s: %s\n", v.name, v.instead)
		return 1
	}
	a := &app{socket: os.Getenv("UBRIDGE_SOCKET")}
	b := &brctl{client: a.client(), out: stdout, errs: stderr}
	defer b.client.Close()
	if err := v.do(b, ctx, args[1:]); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// brctlError is a message in brctl's own words, which scripts may look for.
type brctlError string

func (e brctlError) Error() string { return string(e) }

func saying(format string, args ...any) error { return brctlError(fmt.Sprintf(format, args...)) }

func brctlUsage(w io.Writer) {
	fmt.Fprint(w, "Usage: brctl [commands]\ncommands:\n")
	for _, v := range brctlVerbs {
		if v.do != nil {
			fmt.Fprintf(w, "\t%-10s\t%s\t\t%s\n", v.name, v.args, v.help)
		}
	}
}

// bridges are the active networks, by the name of their bridge.
func (b *brctl) bridges(ctx context.Context) ([]api.Network, error) {
	list, err := b.client.Networks(ctx)
	list = slices.DeleteFunc(list, func(n api.Network) bool { return !n.Active })
	slices.SortFunc(list, func(x, y api.Network) int { return cmp.Compare(bridgeName(x), bridgeName(y)) })
	return list, err
}

// bridgeName is the device; a network without a host port goes by its own name.
func bridgeName(n api.Network) string { return cmp.Or(n.Bridge, n.Name) }

func (b *brctl) find(ctx context.Context, name string) (api.Network, error) {
	list, err := b.bridges(ctx)
	if err != nil {
		return api.Network{}, err
	}
	for _, is := range []func(api.Network) string{bridgeName, func(n api.Network) string { return n.Name }} {
		if at := slices.IndexFunc(list, func(n api.Network) bool { return is(n) == name }); at >= 0 {
			return list[at], nil
		}
	}
	if _, err := os.Stat("/sys/class/net/" + name + "/bridge"); err == nil && !strings.Contains(name, "/") {
		return api.Network{}, fmt.Errorf("%s is a bridge of the kernel, not ubridge's: use the brctl of bridge-utils", name)
	}
	return api.Network{}, saying("bridge %s does not exist!", name)
}

func (b *brctl) show(ctx context.Context, names []string) error {
	list, err := b.bridges(ctx)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		list = nil
		for _, name := range names {
			n, err := b.find(ctx, name)
			if err != nil {
				return err
			}
			list = append(list, n)
		}
	}
	ports, err := b.client.Ports(ctx, "")
	if err != nil {
		return err
	}
	return b.printShow(ctx, list, ports)
}

// printShow prints the table of brctl show.
func (b *brctl) printShow(ctx context.Context, list []api.Network, ports []api.Port) error {
	var text strings.Builder
	text.WriteString("bridge name\tbridge id\t\tSTP enabled\tinterfaces\n")
	for _, n := range list {
		info, err := b.client.Network(ctx, n.Name)
		if err != nil {
			return err
		}
		mac := cmp.Or(strings.ReplaceAll(info.GatewayMAC, ":", ""), "000000000000")
		fmt.Fprintf(&text, "%s\t\t8000.%s\tno\t\t", bridgeName(n), mac)
		text.WriteString(strings.Join(members(n, ports), "\n\t\t\t\t\t\t\t") + "\n")
	}
	_, err := io.WriteString(b.out, text.String())
	return err
}

// members are the devices that are ports of a network now, but not its own.
func members(n api.Network, ports []api.Port) (names []string) {
	for _, p := range ports {
		if p.Network == n.Name && p.Kind != api.KindHost && p.State != api.StateAbsent {
			names = append(names, p.Name)
		}
	}
	return names
}

func (b *brctl) showmacs(ctx context.Context, args []string) error {
	n, err := b.find(ctx, args[0])
	if err != nil {
		return err
	}
	return printMACs(ctx, b.client, b.out, n.Name)
}

// printMACs prints the table of brctl showmacs.
func printMACs(ctx context.Context, c *api.Client, out io.Writer, network string) error {
	stations, err := collect(c.FDB(ctx, network))
	if err != nil {
		return err
	}
	ports, err := c.Ports(ctx, network)
	if err != nil {
		return err
	}
	number := map[string]int{}
	for _, p := range ports {
		number[p.Name] = p.ID
	}
	slices.SortFunc(stations, func(x, y api.Station) int { return cmp.Compare(x.MAC, y.MAC) })
	var text strings.Builder
	text.WriteString("port no\tmac addr\t\tis local?\tageing timer\n")
	for _, s := range stations {
		hundredths := int(s.Age*100 + 0.5)
		fmt.Fprintf(&text, "%3d\t%s\t%s\t\t%4d.%02d\n", number[s.Port], s.MAC, yesNo(s.Static), hundredths/100, hundredths%100)
	}
	_, err = io.WriteString(out, text.String())
	return err
}

func (b *brctl) addif(ctx context.Context, args []string) error {
	n, err := b.find(ctx, args[0])
	if err != nil {
		return err
	}
	for _, dev := range args[1:] {
		on, err := b.networkOf(ctx, dev)
		if err != nil {
			return err
		}
		if on != "" {
			return saying("device %s is already a member of a bridge; can't add it to bridge %s.", dev, args[0])
		}
		_, err = b.client.AddPort(ctx, api.AddPortRequest{Network: n.Name, Port: dev, Present: true})
		switch {
		case api.CodeOf(err) == api.NotFound && err != nil:
			return saying("interface %s does not exist!", dev)
		case err != nil:
			return fmt.Errorf("can't add %s to bridge %s: %w", dev, args[0], err)
		}
	}
	return nil
}

// networkOf is the network that a device is a port of, "" for none.
func (b *brctl) networkOf(ctx context.Context, dev string) (string, error) {
	ports, err := b.client.Ports(ctx, "")
	if err != nil {
		return "", err
	}
	at := slices.IndexFunc(ports, func(p api.Port) bool { return p.Name == dev && p.Network != "" })
	if at < 0 {
		return "", nil
	}
	return ports[at].Network, nil
}

func (b *brctl) delif(ctx context.Context, args []string) error {
	n, err := b.find(ctx, args[0])
	if err != nil {
		return err
	}
	for _, dev := range args[1:] {
		err := b.client.DeletePort(ctx, api.DeletePortRequest{Network: n.Name, Port: dev})
		if err != nil && api.CodeOf(err) == api.NotFound {
			return fmt.Errorf("device %s is not a port of %s", dev, args[0])
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *brctl) setageing(ctx context.Context, args []string) error {
	n, err := b.find(ctx, args[0])
	if err != nil {
		return err
	}
	seconds, err := strconv.ParseFloat(args[1], 64)
	if err != nil || seconds < 0 || seconds > 1e9 {
		return fmt.Errorf("bad ageing time value")
	}
	info, err := b.client.Network(ctx, n.Name)
	if err != nil {
		return err
	}
	ageing := time.Duration(seconds * float64(time.Second))
	_, err = b.client.Change(ctx, api.ChangeRequest{
		Network: n.Name, Set: []string{"ageing=" + ageing.String()},
		Live: true, Config: info.Persistent && !info.ReadOnly,
	})
	if err != nil {
		return fmt.Errorf("set ageing time failed: %w", err)
	}
	return nil
}

// hairpin and stp are off, and stay so.
func (b *brctl) hairpin(ctx context.Context, args []string) error {
	return b.off(ctx, args[0], args[2], "frames do not go back to the port that they came from")
}

func (b *brctl) stp(ctx context.Context, args []string) error {
	return b.off(ctx, args[0], args[1], noTree)
}

func (b *brctl) off(ctx context.Context, bridge, want, why string) error {
	if _, err := b.find(ctx, bridge); err != nil {
		return err
	}
	switch want {
	case "off", "no", "0":
		return nil
	case "on", "yes", "1":
		return fmt.Errorf("it cannot be turned on for %s: %s", bridge, why)
	}
	return fmt.Errorf("expect on/off for argument")
}
