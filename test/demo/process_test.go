package demo

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ubridge/internal/testnet"
)

// limit bounds a tour also on a machine that is busy with other tests.
const limit = 2 * time.Minute

// process is the binary at work, its output in a file.
type process struct {
	cmd  *exec.Cmd
	out  string
	done chan struct{}
}

// start runs the binary with variables on top of this process's environment.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(testnet.Binary(t), args...), done: make(chan struct{})}
	p.out = filepath.Join(t.TempDir(), "output")
	out, err := os.Create(p.out)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.Env = append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = p.cmd.Wait(); close(p.done) }()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.done
	})
	return p
}

// run runs the binary to its end.
func run(t *testing.T, env []string, args ...string) (out string, code int) {
	t.Helper()
	p := start(t, env, args...)
	code = p.wait(t)
	return p.output(), code
}

func (p *process) output() string {
	out, err := os.ReadFile(p.out)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

func (p *process) wait(t *testing.T) (code int) {
	t.Helper()
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(limit):
		t.Fatalf("still running after %v:\n%s", limit, p.output())
		return -1
	}
}

func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	for deadline := time.Now().Add(limit); !strings.Contains(p.output(), text); time.Sleep(5 * time.Millisecond) {
		select {
		case <-p.done:
			t.Fatalf("ended before %q:\n%s", text, p.output())
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("has not said %q within %v:\n%s", text, limit, p.output())
		}
	}
}

func interrupt(t *testing.T, p *process) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	p.wait(t)
}

// toolbox is a directory with these commands and no other, for PATH. Those that
// are not installed stay away.
func toolbox(t *testing.T, commands ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range commands {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
