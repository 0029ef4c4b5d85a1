package lifecycle

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/songgao/water"

	"ubridge/test/lab"
)

// openTap is the environment variable by which this binary, started anew, is a
// program that opens a tap and ends.
const openTap = "UBRIDGE_TEST_OPEN_TAP"

func TestMain(m *testing.M) {
	if name := os.Getenv(openTap); name != "" {
		os.Exit(opensTap(name))
	}
	os.Exit(m.Run())
}

func opensTap(name string) int {
	config := water.Config{DeviceType: water.TAP}
	config.Persist = true // leave that as it is: false would take the device away
	config.Name, config.MultiQueue = name, os.Getenv(openTap+"_QUEUES") != ""
	tap, err := water.New(config)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	_ = tap.Close()
	return 0
}

// tryTap opens a tap as a user, in a mount namespace in which everyone may open
// /dev/net/tun, as udev has it.
func tryTap(n *lab.Net, name, user, group string, multi bool) error {
	program := filepath.Join(n.Dir(), "opener")
	if err := copyFile(program, "/proc/self/exe"); err != nil {
		return err
	}
	queues := ""
	if multi {
		queues = "yes"
	}
	_, err := n.Host.Try("sh", "-c", `user=$1 group=$2 && shift 2 &&
mount -t tmpfs -o mode=0755 tmpfs /dev/net && mknod -m 0666 /dev/net/tun c 10 200 &&
exec setpriv --reuid "$user" --regid "$group" --clear-groups -- "$@"`,
		"sh", user, group, "env", openTap+"="+name, openTap+"_QUEUES="+queues, program)
	return err
}

func copyFile(to, from string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Close()
}

func itoa(n int) string { return strconv.Itoa(n) }
