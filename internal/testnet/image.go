package testnet

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Kernel is one of the kernels that guests boot, all Debian's, with what runs on it.
type Kernel string

const (
	// Cloud drives virtio devices only and boots fastest.
	Cloud Kernel = "cloud"
	// Full drives e1000 and rtl8139 as well, and has the modules that ubridge
	// needs when it runs inside a guest (tun, veth, cls_bpf, nf_tables, …).
	Full Kernel = "full"
	// Debian is the full kernel under Debian 12 with systemd and dpkg, for what is
	// to be installed; it needs 1 GiB, and is built only for who asks for it.
	Debian Kernel = "debian"
)

// Image is what test/guest/build has made of a kernel.
type Image struct {
	Kernel  string // path of a kernel that QEMU boots
	Initrd  string // path of an uncompressed newc archive
	Version string // the Debian packages that are in it, one a line
}

// ErrNoImage says that no guest image has been built on this machine.
var ErrNoImage = errors.New("no guest image is cached (test/guest/build makes one)")

// GuestImage finds a cached image, without building one. The error wraps
// ErrNoImage where there is none.
func GuestImage(kernel Kernel) (Image, error) {
	for _, cache := range cacheDirs() {
		dir := filepath.Join(cache, string(kernel))
		version, err := os.ReadFile(filepath.Join(dir, "version"))
		if err == nil {
			return Image{
				Kernel:  filepath.Join(dir, "kernel"),
				Initrd:  filepath.Join(dir, "initrd"),
				Version: strings.TrimSpace(string(version)),
			}, nil
		}
	}
	return Image{}, fmt.Errorf("%s kernel: %w", kernel, ErrNoImage)
}

// cacheDirs lists where test/guest/build may have put images, in its order.
func cacheDirs() []string {
	if dir := os.Getenv("UBRIDGE_CACHE"); dir != "" {
		return []string{dir}
	}
	dirs := []string{"/var/cache/ubridge/guest"}
	if home, err := os.UserCacheDir(); err == nil {
		dirs = append(dirs, filepath.Join(home, "ubridge", "guest"))
	}
	return dirs
}

// BuildGuestImage brings an image up to date by test/guest/build, which needs
// the source tree, and the network the first time. It does nothing (in a few
// milliseconds) where the image is current; parallel callers build once.
func BuildGuestImage(kernel Kernel) (Image, error) {
	root, err := moduleRoot()
	if err != nil {
		return Image{}, err
	}
	build := exec.Command(filepath.Join(root, "test/guest/build"), string(kernel))
	if kernel == Debian {
		build = exec.Command(filepath.Join(root, "test/guest/debian"))
	}
	out, err := build.CombinedOutput()
	if err != nil {
		return Image{}, fmt.Errorf("build guest image: %w\n%s", err, out)
	}
	return GuestImage(kernel)
}

// image is the one that was given; else the current one, where there is a
// source tree to build it from; else a cached one.
func (c GuestConfig) image() (Image, error) {
	if c.Image != (Image{}) {
		return c.Image, nil
	}
	if _, err := moduleRoot(); err != nil {
		return GuestImage(c.Kernel)
	}
	return BuildGuestImage(c.Kernel)
}
