package docs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// The reader, who is not root.
const (
	readerName = "alice"
	readerUID  = 4242
)

// How long one command may take; a build on a busy machine is the longest.
const patience = 5 * time.Minute

// session is a reader's host: a namespace with the machine's files, but for what
// ubridge writes to, and a clone of this tree to work in.
type session struct {
	*lab.Net
	t     *testing.T
	clone string
	inner int // pid of a process in the session's mount namespace
	env   []string
}

func newSession(t *testing.T) *session {
	t.Helper()
	s := &session{Net: lab.New(t, "docs"), t: t}
	s.clone = filepath.Join(s.Dir(), "ubridge")
	s.cloneTree()
	s.addAccounts()
	s.Host.Run("ip", "link", "add", "veth-a", "type", "veth", "peer", "name", "veth-b")
	s.Host.Up("veth-a")
	s.Host.Up("veth-b")
	reader, root := s.standIns()
	s.env = append(environment(), "USER="+readerName, "PATH="+reader+":"+root)
	s.hide()
	return s
}

// environment is the test's, without what `make test` passes on to a make below.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SETUP", "SUDO_USER", "USER", "PATH"}, name) ||
			strings.HasPrefix(name, "UBRIDGE_") && name != "UBRIDGE_CACHE"
	})
}

// cloneTree copies what git has of this tree, or would have after a commit of
// everything: no binary, no scratch file.
func (s *session) cloneTree() {
	s.t.Helper()
	out, err := exec.Command("git", "-c", "safe.directory=*", "-C", root, "ls-files", "-z", "--cached", "--others", "--exclude-standard").Output()
	if err != nil {
		s.t.Fatalf("git ls-files: %v", err)
	}
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		if err := copyFile(filepath.Join(root, name), filepath.Join(s.clone, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.t.Fatal(err)
		}
	}
}

func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, content, info.Mode().Perm())
}

// addAccounts gives the host the user and the group that the pages name.
func (s *session) addAccounts() {
	s.t.Helper()
	for file, line := range map[string]string{
		"passwd": fmt.Sprintf("%s:x:%d:%d::/nonexistent:/bin/false\n", readerName, readerUID, readerUID),
		"group":  "libvirt-qemu:x:4243:\n",
	} {
		content, err := os.ReadFile("/etc/" + file)
		if err != nil {
			s.t.Fatal(err)
		}
		s.Host.Etc(file, string(content)+line)
	}
}

// standIns makes the programs that are not the machine's own. It returns two
// values of PATH: what the reader has in front of root's, and root's, which sudo
// puts in the place of the reader's.
func (s *session) standIns() (readers, roots string) {
	s.t.Helper()
	image, err := testnet.BuildGuestImage(testnet.Cloud)
	if err != nil {
		s.t.Fatal(err)
	}
	qemu, err := exec.LookPath("qemu-system-x86_64")
	if err != nil {
		s.t.Fatal(err)
	}
	sbin := filepath.Join(s.Dir(), "sbin")
	readers, roots = filepath.Join(s.Dir(), "bin"), sbin+":"+os.Getenv("PATH")
	writeScript(s.t, filepath.Join(sbin, "ubridge"), "exec "+filepath.Join(s.clone, "ubridge")+` "$@"`)
	writeScript(s.t, filepath.Join(readers, "sudo"), "PATH="+roots+" SUDO_USER="+readerName+` exec "$@"`)
	writeScript(s.t, filepath.Join(readers, "qemu-system-x86_64"), qemuScript(qemu, image))
	return readers, roots
}

// qemuScript runs QEMU under the reader's user with a kernel in the place of
// disk.img, which must be among its arguments.
func qemuScript(qemu string, image testnet.Image) string {
	uid := strconv.Itoa(readerUID)
	return `disk= args=()
for arg; do
	if [ "$arg" = disk.img ]; then disk=yes; else args+=("$arg"); fi
done
[ -n "$disk" ] || { echo "no disk.img among: $*" >&2; exit 2; }
exec setpriv --reuid ` + uid + ` --regid ` + uid + ` --clear-groups -- ` + qemu + ` "${args[@]}" \
	-nodefaults -display none -no-reboot -accel tcg -cpu max -serial stdio \
	-kernel ` + image.Kernel + ` -initrd ` + image.Initrd + ` \
	-append 'console=ttyS0 quiet panic=-1 tsc=reliable no_timer_check ubridge.name=reader'`
}

func writeScript(t *testing.T, path, script string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("#!/bin/bash\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// hide lays empty directories over what ubridge reads and writes on a host, in a
// mount namespace of the session's own, and makes /dev/net/tun what udev makes
// of it. "ip netns exec" has made that namespace private already.
func (s *session) hide() {
	s.t.Helper()
	p := s.Host.Start("sh", "-ec", `
		mount -t tmpfs -o mode=0755 lib /var/lib
		mount -t tmpfs -o mode=0755 run /run
		mount -t tmpfs -o mode=0755 tun /dev/net
		mknod -m 0666 /dev/net/tun c 10 200
		[ ! -e /etc/ubridge ] || mount -t tmpfs etc /etc/ubridge
		echo hidden
		exec sleep infinity`)
	p.WaitFor("hidden", 10*time.Second)
	s.inner = p.Pid()
}

// start types a command and does not wait.
func (s *session) start(line string, stdin *os.File) *testnet.Proc {
	s.t.Helper()
	cmd := exec.Command("nsenter", "--target", strconv.Itoa(s.inner), "--mount", "--net", "--wd="+s.clone, "--",
		"bash", "-c", line)
	cmd.Env = s.env
	if stdin != nil {
		cmd.Stdin = stdin
	}
	p, err := s.StartCmd(cmd)
	if err != nil {
		s.t.Fatalf("$ %s: %v", line, err)
	}
	return p
}

// run types a command that must succeed, and returns what it says.
func (s *session) run(line string) string {
	s.t.Helper()
	p := s.start(line, nil)
	if err := p.Wait(patience); err != nil {
		s.t.Fatalf("$ %s\n%s\n%v", line, p.Output(), err)
	}
	return p.Output()
}

// interrupt is Ctrl-C: the terminal sends it to all of a foreground command.
func (s *session) interrupt(p *testnet.Proc) {
	s.t.Helper()
	if err := syscall.Kill(-p.Pid(), syscall.SIGINT); err != nil {
		s.t.Fatalf("Ctrl-C: %v", err)
	}
}
