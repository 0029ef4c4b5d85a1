package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
	"ubridge/internal/config"
	"ubridge/internal/taphelper"
)

// HelperName is the name by which QEMU starts the binary as its bridge helper.
const HelperName = "ubridge-bridge-helper"

// helperVerb is the verb that the name stands for.
const helperVerb = "bridge-helper"

// Arguments are the command line's for a program name and arguments: a link with
// another name than ubridge is a verb.
func Arguments(argv []string) []string {
	if len(argv) == 0 {
		return nil
	}
	if filepath.Base(argv[0]) == HelperName {
		return append([]string{helperVerb}, argv[1:]...)
	}
	return argv[1:]
}

// bridgeHelper speaks the protocol of qemu-bridge-helper: options as QEMU's
// net/tap.c and libvirt's qemu_interface.c write them.
func (a *app) bridgeHelper() *cobra.Command {
	var r taphelper.Request
	var fd int
	cmd := a.command(helperVerb, "attach a guest for QEMU, which starts this in place of qemu-bridge-helper",
		"  ubridge bridge-helper --use-vnet --fd=3 --br=default     as QEMU starts it",
		func(cmd *cobra.Command, _ []string) error {
			if fd < 0 {
				return api.Errorf(api.Usage, "QEMU starts this; --fd=N and --br=NETWORK are missing")
			}
			tap, err := taphelper.Ask(cmd.Context(), helperSocket(), r)
			if err != nil {
				return err
			}
			defer tap.File.Close()
			return taphelper.PassOn(tap, fd)
		})
	cmd.Hidden = true
	cmd.Flags().BoolVar(&r.VnetHdr, "use-vnet", false, "make the tap with virtio's header")
	cmd.Flags().StringVar(&r.Bridge, "br", "", "`NETWORK` or its bridge device")
	cmd.Flags().IntVar(&fd, "fd", -1, "socket by which the tap is passed on, descriptor `N`")
	return cmd
}

// helperSocket is where the helper asks: it takes no option for that, since QEMU
// writes its command line.
func helperSocket() string {
	if path := os.Getenv("UBRIDGE_HELPER_SOCKET"); path != "" {
		return path
	}
	return config.DefaultHelperSocket
}
