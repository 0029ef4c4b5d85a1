package testnet

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestGuestImageIsOnlyLookedUp(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("UBRIDGE_CACHE", cache)
	if _, err := GuestImage(Cloud); !errors.Is(err, ErrNoImage) {
		t.Errorf("in an empty cache: %v, want ErrNoImage", err)
	}
	dir := filepath.Join(cache, "cloud")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "version"), []byte("linux 6.1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := Image{Kernel: filepath.Join(dir, "kernel"), Initrd: filepath.Join(dir, "initrd"), Version: "linux 6.1"}
	if got, err := GuestImage(Cloud); got != want || err != nil {
		t.Errorf("GuestImage: %+v, %v, want %+v", got, err, want)
	}
	if got, err := (GuestConfig{Image: want, Kernel: Full}).image(); got != want || err != nil {
		t.Errorf("the image that was given: %+v, %v", got, err)
	}
}

func TestBinary(t *testing.T) {
	t.Setenv("UBRIDGE_BINARY", "/x/ubridge")
	if got := Binary(t); got != "/x/ubridge" {
		t.Errorf("UBRIDGE_BINARY is not used: %s", got)
	}
}

func TestNameByContent(t *testing.T) {
	dir := t.TempDir()
	named := map[string]string{}
	for file, content := range map[string]string{"a": "one", "b": "one", "c": "two"} {
		path := filepath.Join(dir, file)
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
		name, err := nameByContent(path)
		if err != nil {
			t.Fatal(err)
		}
		named[file] = name
	}
	if named["a"] != named["b"] || named["a"] == named["c"] || filepath.Dir(named["a"]) != dir {
		t.Errorf("names of equal, equal and other content: %v", named)
	}
}
