package config

import (
	"os"
	"reflect"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const examples = "../../examples/"

// The reference files mean the defaults as they stand, and with every key that
// they leave out put in they parse and hold each key of the model.

func TestExampleNetwork(t *testing.T) {
	got, err := LoadNetwork(examples + "networks.d/default.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default("default")
	want.Autostart = true
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Errorf("the reference file is not the default: %s", diff)
	}
	n, err := ParseNetwork("default", allKeys(t, "networks.d/default.toml"))
	if err != nil {
		t.Fatal(err)
	}
	wantKeys(t, n.Origin.lines, reflect.TypeFor[rawNetwork](), "")
}

func TestExampleOnALAN(t *testing.T) {
	got, err := LoadNetwork(examples + "networks.d/lan.toml")
	if err != nil {
		t.Fatal(err)
	}
	want := DefaultIn("lan", ModeBridge)
	want.Uplink, want.Autostart = "eth0", true
	if diff := cmp.Diff(want, got, equal); diff != "" {
		t.Error(diff)
	}
}

func TestExampleDaemon(t *testing.T) {
	got, err := Load(examples + "ubridge.toml")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(defaultDaemon(examples+"ubridge.toml"), got); diff != "" {
		t.Errorf("the reference file is not the default: %s", diff)
	}
	doc := allKeys(t, "ubridge.toml")
	if _, err := parseDaemon("ubridge.toml", doc); err != nil {
		t.Fatal(err)
	}
	wantKeys(t, indexLines(doc), reflect.TypeFor[rawDaemon](), "")
}

var leftOut = regexp.MustCompile(`(?m)^#([a-z\[])`)

// allKeys is the file with the keys put in that it leaves out.
func allKeys(t *testing.T, file string) []byte {
	t.Helper()
	doc, err := os.ReadFile(examples + file)
	if err != nil {
		t.Fatal(err)
	}
	return leftOut.ReplaceAll(doc, []byte("$1"))
}

func wantKeys(t *testing.T, have lines, typ reflect.Type, table string) {
	t.Helper()
	for i := range typ.NumField() {
		key, ft := join(table, keyOf(typ.Field(i))), typ.Field(i).Type
		if _, ok := have[key]; !ok {
			if _, ok := have[element(key, 0)]; !ok {
				t.Errorf("the reference file lacks %s", key)
			}
		}
		switch {
		case ft.Kind() == reflect.Struct:
			wantKeys(t, have, ft, key)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.Struct:
			wantKeys(t, have, ft.Elem(), element(key, 0))
		}
	}
}
