package afpacket

import (
	"bytes"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"

	"ubridge/dataplane/frame"
)

func TestFilters(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	prog := filterByLength(t, 100)
	classic := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_LEN},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: 0, Jf: 1, K: 100},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0xffffffff},
		{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	}
	a := n.port(t, Config{Name: "a"})
	for name, c := range map[string]Config{
		"classic": {Name: "b", Filter: classic},
		"ebpf":    {Name: "b", FilterFD: prog},
	} {
		t.Run(name, func(t *testing.T) {
			b, in := n.port(t, c), newBatch(t)
			send(t, a, ethernet(99, 0))
			send(t, a, ethernet(100, 0))
			send(t, a, ethernet(101, 0))
			receive(t, b, in, 1)
			_ = b.Receive(in, new(frame.Drops))
			if in.N != 1 || in.Frames[0].Len() != 100 {
				t.Errorf("%d frames, first of %d bytes; want the one of 100", in.N, in.Frames[0].Len())
			}
		})
	}
}

// filterByLength is a socket filter program that takes frames of n bytes only.
func filterByLength(t *testing.T, n int32) int {
	prog, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.SocketFilter, License: "MIT", Instructions: asm.Instructions{
		asm.LoadMem(asm.R1, asm.R1, 0, asm.Word), // __sk_buff.len
		asm.Mov.Imm(asm.R0, -1),
		asm.JEq.Imm(asm.R1, n, "take"),
		asm.Mov.Imm(asm.R0, 0),
		asm.Return().WithSymbol("take"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { prog.Close() })
	return prog.FD()
}

func TestOwnAndHostFramesAreNotReceived(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	a, second, in := n.port(t, Config{Name: "a", Mark: 7}), n.port(t, Config{Name: "a"}), newBatch(t)
	if mark, err := unix.GetsockoptInt(a.FD(), unix.SOL_SOCKET, unix.SO_MARK); err != nil || mark != 7 {
		t.Errorf("mark %d, %v, want 7", mark, err)
	}
	send(t, second, ethernet(60, 0))
	for range 3 {
		if err := a.Receive(in, new(frame.Drops)); err != nil || in.N != 0 {
			t.Fatalf("received %d frames, %v", in.N, err)
		}
	}
}

func TestCapsAndMTU(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1400)
	p := n.port(t, Config{Name: "a"})
	if want := (frame.Caps{Csum: true, TSO4: true, TSO6: true, USO: takesUSO(), MTU: 1400}); p.Caps() != want {
		t.Errorf("caps %+v, want %+v", p.Caps(), want)
	}
	p.SetMTU(1300)
	if p.Caps().MTU != 1300 {
		t.Errorf("MTU %d after SetMTU(1300)", p.Caps().MTU)
	}
}

func TestOpenErrors(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 1500)
	for name, c := range map[string]Config{
		"no such name":     {Name: "nowhere"},
		"no such index":    {Ifindex: 4711},
		"odd slot":         {Name: "a", SlotBytes: 3000},
		"ring too small":   {Name: "a", RingBytes: 1},
		"two filters":      {Name: "a", FilterFD: 1, Filter: make([]unix.SockFilter, 1)},
		"not a program":    {Name: "a", FilterFD: 1},
		"name is too long": {Name: "abcdefghijklmnopqrst"},
	} {
		t.Run(name, func(t *testing.T) {
			n.do(t, func() {
				if p, err := Open(c); err == nil {
					p.Close()
					t.Error("opened")
				}
			})
		})
	}
}

func TestWithoutVnetHeader(t *testing.T) {
	n := newNetns(t)
	n.veth(t, "a", "b", 9000)
	var a, b *Port
	n.do(t, func() {
		var err error
		if a, err = open(Config{Name: "a"}, false); err != nil {
			t.Fatal(err)
		}
		if b, err = open(Config{Name: "b"}, false); err != nil {
			t.Fatal(err)
		}
	})
	defer a.Close()
	defer b.Close()
	if want := (frame.Caps{MTU: 9000}); a.Caps() != want {
		t.Errorf("caps %+v, want %+v", a.Caps(), want)
	}
	in := newBatch(t)
	for _, l := range []int{60, 5000} {
		send(t, a, ethernet(l, l))
		receive(t, b, in, 1)
		if !bytes.Equal(in.Frames[0].Bytes(), ethernet(l, l)) {
			t.Errorf("frame of %d bytes differs", l)
		}
		b.Release()
		in.Reset()
	}
	// A frame with an unfinished checksum cannot be told from a whole one.
	full := n.port(t, Config{Name: "a"})
	out := newBatch(t)
	out.AddCopy(udp4(200)).Offload = frame.Offload{Flags: frame.NeedsCsum, CsumStart: 34, CsumOffset: 6}
	if s := full.Transmit(out, all(out)); s.Frames != 1 {
		t.Fatalf("sent %+v", s)
	}
	drops := new(frame.Drops)
	for end := time.Now().Add(2 * time.Second); drops[frame.BadOffload] == 0 && time.Now().Before(end); {
		_ = b.Receive(in, drops)
	}
	if drops[frame.BadOffload] != 1 || in.N != 0 {
		t.Errorf("%d frames, drops %v; want one bad offload", in.N, *drops)
	}
}
