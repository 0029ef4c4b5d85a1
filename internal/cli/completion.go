package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/netupdate"
)

func (a *app) completion() *cobra.Command {
	cmd := a.command("completion bash|zsh|fish", "print the completion script of a shell",
		"  source <(ubridge completion bash)",
		func(cmd *cobra.Command, args []string) error {
			out := cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return a.root.GenBashCompletionV2(out, true)
			case "zsh":
				return a.root.GenZshCompletion(out)
			case "fish":
				return a.root.GenFishCompletion(out, true)
			}
			return api.Errorf(api.Usage, "there is no completion for %q; use bash, zsh or fish", args[0])
		})
	cmd.ValidArgs = []string{"bash", "zsh", "fish"}
	return cmd
}

// completeTime is how long a user waits for the Tab key.
const completeTime = time.Second

// complete offers the names that the daemon knows for arguments called NET and
// IFACE.
func (a *app) complete(words []string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		at := len(args)
		if last := len(words) - 1; last >= 0 && strings.HasSuffix(words[last], "...") {
			at = min(at, last) // it may be repeated
		}
		if at >= len(words) {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		ctx, cancel := context.WithTimeout(context.Background(), completeTime)
		defer cancel()
		c := a.client()
		defer c.Close()
		switch words[at] {
		case "NET", "[NET]":
			return networkNames(ctx, c), cobra.ShellCompDirectiveNoFileComp
		case "IFACE":
			return portNames(ctx, c, cmd.Name(), args[0]), cobra.ShellCompDirectiveNoFileComp
		case "COMMAND":
			return netupdate.Commands(), cobra.ShellCompDirectiveNoFileComp
		case "SECTION":
			return netupdate.Sections(), cobra.ShellCompDirectiveNoFileComp
		case "KEY=VALUE...":
			return settableKeys(), cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		case "XML|FILE|KEY=VALUE...":
			return nil, cobra.ShellCompDirectiveDefault // a file
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// settableKeys are the keys that `net set` takes.
func settableKeys() (keys []string) {
	for _, k := range config.Default("any").Keys() {
		keys = append(keys, k.Name+"=")
	}
	return keys
}

func networkNames(ctx context.Context, c *api.Client) (names []string) {
	list, _ := c.Networks(ctx) // no daemon, no names
	for _, n := range list {
		names = append(names, n.Name)
	}
	return names
}

// portNames offers the ports to `port del`; `port add` takes new names.
func portNames(ctx context.Context, c *api.Client, verb, network string) (names []string) {
	if verb != "del" {
		return nil
	}
	list, _ := c.Ports(ctx, network) // no daemon, no names
	for _, p := range list {
		names = append(names, p.Name)
	}
	return names
}
