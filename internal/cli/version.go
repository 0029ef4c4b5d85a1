package cli

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by the linker (see Makefile); empty in a plain `go build`, which
// knows the module's version instead.
var version string

// build is what `ubridge version` tells.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"` // of the source; empty: built outside a repository
	Modified bool   `json:"modified"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func thisBuild() build {
	b := build{Version: "(devel)", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version = cmp.Or(version, info.Main.Version, b.Version)
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Version is this binary's version, as the daemon reports it.
func Version() string { return thisBuild().Version }

func (a *app) version() *cobra.Command {
	return a.command("version", "print the version", "  ubridge version --json",
		func(cmd *cobra.Command, _ []string) error {
			b := thisBuild()
			if a.json {
				return printJSON(cmd.OutOrStdout(), []build{b})
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "ubridge %s (%s, %s)\n", b.Version, b.Go, b.Platform)
			return err
		})
}
