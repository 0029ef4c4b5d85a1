package libvirt

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"ubridge/internal/testnet"
	"ubridge/test/lab"
)

// libvirtd is Debian's libvirtd in the host's network namespace, with mounts and
// processes of its own: when it is killed, its guests are.
type libvirtd struct {
	n         *lab.Net
	dir, root string
	uri       string
	booted    bool // the guest takes commands
}

// scene lays libvirt's packages over the machine's /usr and /etc, keeps what is
// written to /etc, /var and /run in the test's folder, and shows a /dev without
// kvm, which libvirt would probe for as a user who may not open it. The shell stays
// as the first process, to reap.
const scene = `root=$1 dir=$2
mount -t overlay -o lowerdir=$root/usr:/usr overlay /usr
mount -t overlay -o lowerdir=$root/etc:/etc,upperdir=$dir/etc,workdir=$dir/work/etc overlay /etc
mount -t overlay -o lowerdir=/var,upperdir=$dir/var,workdir=$dir/work/var overlay /var
mount --bind $dir/run /run
mkdir -p /var/lib/libvirt /var/cache/libvirt /var/log/libvirt/qemu /run/lock
mount --bind /dev/shm $dir/shm
mount -t tmpfs -o mode=0755 dev /dev
mkdir /dev/net /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount --bind $dir/shm /dev/shm
while read name major minor; do mknod -m 666 /dev/$name c $major $minor; done <<END
null 1 3
zero 1 5
full 1 7
random 1 8
urandom 1 9
tty 5 0
ptmx 5 2
net/tun 10 200
END
ln -s /proc/self/fd /dev/fd
cat $dir/passwd >>/etc/passwd
cat $dir/group >>/etc/group
PATH=$dir/bin:/usr/sbin:$PATH
shift 2
"$@" libvirtd -f $dir/libvirtd.conf &
wait $!`

// startLibvirtd starts the system's; its hook asks the daemon d.
func startLibvirtd(n *lab.Net, d *lab.Daemon) *libvirtd {
	n.T.Helper()
	l := &libvirtd{n: n, dir: filepath.Join(n.Dir(), "libvirt"), root: unpacked(n.T, "daemon")}
	l.uri = "qemu+unix:///system?socket=" + filepath.Join(l.dir, "run/libvirt/libvirt-sock")
	l.start(d)
	return l
}

// startSession starts a user's libvirtd, which has QEMU's helper make its taps.
func startSession(n *lab.Net, d *lab.Daemon, uid int, helper string) *libvirtd {
	n.T.Helper()
	l := &libvirtd{n: n, dir: filepath.Join(n.Dir(), "libvirt"), root: unpacked(n.T, "daemon")}
	home := filepath.Join(l.dir, "home")
	l.uri = "qemu+unix:///session?socket=" + filepath.Join(home, "libvirt/libvirt-sock")
	config := filepath.Join(home, ".config/libvirt/qemu.conf")
	if err := os.MkdirAll(filepath.Dir(config), 0o755); err != nil {
		n.T.Fatal(err)
	}
	if err := os.WriteFile(config, []byte("bridge_helper = \""+helper+"\"\nstdio_handler = \"file\"\nsecurity_driver = \"none\"\n"), 0o644); err != nil {
		n.T.Fatal(err)
	}
	id := strconv.Itoa(uid)
	n.Host.Run("chown", "-R", id+":"+id, home)
	l.start(d, "setpriv", "--reuid", id, "--regid", id, "--clear-groups", "env", "HOME="+home, "XDG_RUNTIME_DIR="+home)
	return l
}

// start starts libvirtd behind a prefix of its command.
func (l *libvirtd) start(d *lab.Daemon, prefix ...string) {
	n, t := l.n, l.n.T
	t.Helper()
	hook, err := os.ReadFile("../../dist/libvirt/qemu-hook")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{
		// The user whom Debian's package makes, and one whom QEMU runs as.
		"passwd": "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n", "group": "libvirt-qemu:x:64055:\n",
		"libvirtd.conf": "unix_sock_rw_perms = \"0700\"\nauth_unix_rw = \"none\"\nauth_unix_ro = \"none\"\nunix_sock_group = \"root\"\n",
		"etc/libvirt/qemu.conf": "user = \"+64055\"\ngroup = \"+64055\"\ndynamic_ownership = 0\nsecurity_driver = \"none\"\n" +
			"stdio_handler = \"file\"\ncgroup_controllers = [ ]\nnamespaces = [ ]\n",
		"etc/libvirt/hooks/qemu.d/ubridge": string(hook),
		"bin/ubridge":                      "#!/bin/sh\nexec " + testnet.Binary(t) + " --socket " + d.Socket() + " \"$@\"\n",
	}
	for _, empty := range []string{"home", "run", "shm", "var", "work/etc", "work/var"} {
		if err := os.MkdirAll(filepath.Join(l.dir, empty), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, content := range files {
		path := filepath.Join(l.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p := n.Host.Start(append([]string{"unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-ec", scene, "sh", l.root, l.dir}, prefix...)...)
	t.Cleanup(p.Kill)
	n.Eventually(waitLong, "libvirtd to answer", func() error {
		if !p.Running() {
			t.Fatalf("libvirtd ended: %s", p.Output())
		}
		_, err := l.try("version")
		return err
	})
}

// try is virsh.
func (l *libvirtd) try(args ...string) (string, error) {
	lib := filepath.Join(l.root, "usr/lib/x86_64-linux-gnu")
	return l.n.Host.Try(append([]string{"env", "LD_LIBRARY_PATH=" + lib, filepath.Join(l.root, "usr/bin/virsh"), "-c", l.uri}, args...)...)
}

func (l *libvirtd) virsh(args ...string) string {
	l.n.T.Helper()
	out, err := l.try(args...)
	if err != nil {
		l.n.T.Fatalf("virsh %q: %v", args, err)
	}
	return out
}

// define defines a domain that boots the test guest with these cards.
func (l *libvirtd) define(name string, macs []string, interfaces string) {
	l.n.T.Helper()
	image, err := testnet.BuildGuestImage(testnet.Cloud)
	if err != nil {
		l.n.T.Fatal(err)
	}
	xml := fmt.Sprintf(`<domain type='qemu'><name>%s</name><memory unit='MiB'>256</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='pc'>hvm</type><kernel>%s</kernel><initrd>%s</initrd>
<cmdline>console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off tsc=reliable no_timer_check cryptomgr.notests ubridge.name=%[1]s ubridge.nics=%[4]s</cmdline></os>
<features><acpi/></features><cpu mode='maximum'/>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
%[5]s
<serial type='unix'><source mode='bind' path='%[6]s'/></serial>
<memballoon model='none'/></devices></domain>`, name, image.Kernel, image.Initrd, strings.Join(macs, ","), interfaces, l.console())
	file := filepath.Join(l.dir, name+".xml")
	if err := os.WriteFile(file, []byte(xml), 0o600); err != nil {
		l.n.T.Fatal(err)
	}
	l.virsh("define", file)
}

func (l *libvirtd) console() string { return filepath.Join(l.dir, "home", "console") }

// run runs a script in the guest by the protocol of test/guest/init.
func (l *libvirtd) run(script string) string {
	l.n.T.Helper()
	c, err := net.Dial("unix", l.console())
	if err != nil {
		l.n.T.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Minute))
	id := time.Now().UnixNano()
	send := func() {
		_, _ = fmt.Fprintf(c, "%d 60 %s\n", id, base64.StdEncoding.EncodeToString([]byte(script)))
	}
	if l.booted {
		send()
	}
	// What is sent before init listens is lost to the firmware.
	late := time.AfterFunc(30*time.Second, send)
	defer late.Stop()
	var text strings.Builder
	begun := false
	for lines := bufio.NewScanner(c); lines.Scan(); {
		line := strings.TrimSpace(lines.Text())
		switch {
		case strings.HasPrefix(line, "@@ubridge ready"):
			l.booted = true
			send()
		case line == fmt.Sprintf("@@ubridge begin %d", id):
			begun = true
		case strings.HasPrefix(line, fmt.Sprintf("@@ubridge end %d ", id)):
			out, err := base64.StdEncoding.DecodeString(text.String())
			if err != nil || !strings.HasSuffix(line, " 0") {
				l.n.T.Fatalf("in the guest: %s: %s, %v:\n%s", script, line, err, out)
			}
			return string(out)
		case begun:
			text.WriteString(line)
		}
	}
	l.n.T.Fatalf("the guest does not answer %q", script)
	return ""
}
