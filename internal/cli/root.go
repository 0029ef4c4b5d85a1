package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
)

// app is one run of the command line.
type app struct {
	hooks  Hooks
	root   *cobra.Command
	socket string // --socket
	json   bool   // --json
	ran    bool   // a verb was reached: from here on nothing is usage by itself
}

// Execute runs the command line and gives the exit code.
func Execute(ctx context.Context, h Hooks, args []string, stdout, stderr io.Writer) int {
	a := newApp(h)
	a.root.SetArgs(args)
	a.root.SetOut(stdout)
	a.root.SetErr(stderr)
	cmd, err := a.root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(err, errReported) {
		return api.Failed.ExitCode()
	}
	code, text := codeOf(err), strings.TrimSpace(err.Error())
	if !a.ran {
		code = api.Usage
	}
	if code == api.Usage {
		text += "; see: " + cmd.CommandPath() + " --help"
	}
	fmt.Fprintln(stderr, "ubridge: "+text)
	return code.ExitCode()
}

// errReported is a failure that the output shows already.
var errReported = errors.New("reported")

// codeOf adds to api.CodeOf what the file system says.
func codeOf(err error) api.Code {
	var told *api.Error
	switch {
	case errors.As(err, &told):
		return told.Code
	case errors.Is(err, fs.ErrPermission):
		return api.Permission
	case errors.Is(err, fs.ErrNotExist):
		return api.NotFound
	}
	return api.Failed
}

// Root is the tree of verbs.
func Root(h Hooks) *cobra.Command { return newApp(h).root }

func newApp(h Hooks) *app {
	a := &app{hooks: h}
	a.root = &cobra.Command{
		Use:   "ubridge",
		Short: "the network of your virtual machines, in user space",
		Long: `ubridge gives virtual machines their network: it switches, translates, hands
out addresses and answers names, without a kernel bridge, iptables or dnsmasq.`,
		Example: `  sudo ubridge run                                   start it
  sudo ubridge port add default vnet0 --owner $USER  make a port for a guest
  ubridge net leases default                         see who is there`,
		SilenceErrors:      true,
		SilenceUsage:       true,
		DisableSuggestions: true,
		Args:               unknownVerb,
		RunE:               func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		CompletionOptions:  cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	flags := a.root.PersistentFlags()
	flags.StringVar(&a.socket, "socket", os.Getenv("UBRIDGE_SOCKET"), "the daemon's socket `PATH` (default "+config.DefaultSocket+", env UBRIDGE_SOCKET)")
	flags.BoolVarP(&a.json, "json", "j", false, "print JSON")
	flags.Lookup("socket").DefValue = ""
	a.root.AddCommand(a.run(), a.demo(), a.net(), a.port(), a.fdb(), a.nat(), a.importing(), a.doctor(), a.bench(), a.benchHelper(), a.bridgeHelper(), a.attach(), a.libvirtHook(), a.version(), a.completion())
	return a
}

// client talks to the daemon that the user names.
func (a *app) client() *api.Client {
	if a.socket == "" {
		return api.NewClient(config.DefaultSocket)
	}
	return api.NewClient(a.socket)
}

// verb is what a command does once its arguments are right.
type verb func(cmd *cobra.Command, args []string) error

// command makes the command of a verb. The words in use behind the first are
// its arguments, [OPTIONAL] ones last; one that ends in "..." may be repeated.
func (a *app) command(use, short, example string, do verb) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Example: example, Args: arguments(use),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.ran = true
			return do(cmd, args)
		},
	}
}

// asking makes the command of a verb that a daemon answers.
func (a *app) asking(use, short, example string, do func(c *api.Client, cmd *cobra.Command, args []string) error) *cobra.Command {
	cmd := a.command(use, short, example, func(cmd *cobra.Command, args []string) error {
		c := a.client()
		defer c.Close()
		return do(c, cmd, args)
	})
	cmd.ValidArgsFunction = a.complete(strings.Fields(use)[1:])
	return cmd
}

// group makes a command that has verbs below it and does nothing itself.
func group(use, short string, verbs ...*cobra.Command) *cobra.Command {
	g := &cobra.Command{Use: use, Short: short, Args: unknownVerb, RunE: func(*cobra.Command, []string) error { return nil }}
	g.AddCommand(verbs...)
	return g
}

// unknownVerb is reached when no command below cmd matched.
func unknownVerb(cmd *cobra.Command, args []string) error {
	var verbs []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			verbs = append(verbs, sub.Name())
		}
	}
	switch {
	case len(args) > 0:
		cmd.SuggestionsMinimumDistance = 2
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			verbs = near
		}
		return fmt.Errorf("%s has no verb %q; try %s", cmd.CommandPath(), args[0], strings.Join(verbs, ", "))
	case cmd.HasParent():
		return fmt.Errorf("%s needs a verb: %s", cmd.CommandPath(), strings.Join(verbs, ", "))
	}
	return nil
}

// arguments checks their number against the words of use.
func arguments(use string) cobra.PositionalArgs {
	words := strings.Fields(use)[1:]
	needed := 0
	for _, w := range words {
		if !strings.HasPrefix(w, "[") {
			needed++
		}
	}
	many := len(words) > 0 && strings.HasSuffix(words[len(words)-1], "...")
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < needed:
			return fmt.Errorf("%s is missing; write: %s %s", words[len(args)], cmd.CommandPath(), strings.Join(words, " "))
		case len(args) > len(words) && !many:
			return fmt.Errorf("%q is too much; write: %s", args[len(words)], strings.TrimSpace(cmd.CommandPath()+" "+strings.Join(words, " ")))
		}
		return nil
	}
}

// optional is the argument at i, or "".
func optional(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return ""
}
