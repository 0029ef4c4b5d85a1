package docs

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"ubridge/internal/cli"
)

// tree is a fresh tree of verbs: a parsed flag stays set.
func tree() *cobra.Command {
	r := cli.Root(cli.Hooks{})
	r.InitDefaultHelpCmd()
	return r
}

// verbs are all commands below c, and c.
func verbs(c *cobra.Command) (list []*cobra.Command) {
	list = append(list, c)
	for _, sub := range c.Commands() {
		list = append(list, verbs(sub)...)
	}
	return list
}

// find resolves the words of a command to a verb, its arguments and its flags.
func find(words []string) (*cobra.Command, []string, error) {
	cmd, rest, err := tree().Find(words)
	if err != nil {
		return nil, nil, err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return nil, nil, err
	}
	args := cmd.Flags().Args()
	if cmd.HasSubCommands() && len(args) > 0 {
		return nil, nil, fmt.Errorf("%s has no verb %s", cmd.CommandPath(), args[0])
	}
	return cmd, args, nil
}

// complete reports why a command cannot be run as it stands.
func complete(words []string) error {
	cmd, args, err := find(words)
	if err == nil {
		err = cmd.ValidateArgs(args)
	}
	return err
}

// mentioned reports why a command that prose talks about does not exist. Its
// arguments, and the last flag's value, may be left out.
func mentioned(words []string) error {
	cmd, args, err := find(words)
	if err != nil && strings.HasPrefix(err.Error(), "flag needs an argument") {
		cmd, args, err = find(append(words, "1"))
	}
	if err != nil {
		return err
	}
	if limit := len(strings.Fields(cmd.Use)) - 1; len(args) > limit && cmd.Name() != "help" && !strings.HasSuffix(cmd.Use, "...") {
		return fmt.Errorf("%s takes %d arguments, not %q", cmd.CommandPath(), limit, args)
	}
	return nil
}

var (
	invocation = regexp.MustCompile(`^(?:sudo )?(?:\./)?ubridge (.+)$`)
	inShell    = regexp.MustCompile(`(?:^|[\s;&|(])(?:\./)?ubridge ([^;&|)#]+)`)
	remark     = regexp.MustCompile(`\s{2,}.*$`) // what an example says behind the command
)

// shellWords splits words as a shell would where nothing is quoted.
func shellWords(text string) []string {
	return strings.Fields(strings.ReplaceAll(text, "\\\n", " "))
}

func TestHelpOfEveryVerb(t *testing.T) {
	for _, v := range verbs(tree()) {
		words := strings.Fields(v.CommandPath())[1:]
		for _, args := range [][]string{append(words[:len(words):len(words)], "--help"), append([]string{"help"}, words...)} {
			var out, errs bytes.Buffer
			if code := cli.Execute(t.Context(), cli.Hooks{}, args, &out, &errs); code != 0 || out.Len() == 0 || errs.Len() > 0 {
				t.Errorf("ubridge %v: exit code %d\n%s%s", args, code, &out, &errs)
			}
		}
	}
}

func TestExamplesOfHelpParse(t *testing.T) {
	for _, v := range verbs(tree()) {
		if v.Name() == "help" || v.HasSubCommands() && v.HasParent() {
			continue
		}
		if v.Example == "" {
			t.Errorf("%s has no example", v.CommandPath())
		}
		own := false
		for line := range strings.Lines(v.Example) {
			line = remark.ReplaceAllString(strings.TrimSpace(line), "")
			for _, m := range inShell.FindAllStringSubmatch(line, -1) {
				if err := complete(shellWords(m[1])); err != nil {
					t.Errorf("example of %s: %s: %v", v.CommandPath(), line, err)
				}
				own = own || strings.HasPrefix("ubridge "+m[1], v.CommandPath())
			}
		}
		if !own {
			t.Errorf("the example of %s shows something else: %s", v.CommandPath(), v.Example)
		}
	}
}

func TestNamedVerbsExist(t *testing.T) {
	found := 0
	for _, p := range present(t) {
		for _, span := range spans(p.prose) {
			words := shellWords(span)
			if m := invocation.FindStringSubmatch(span); m != nil {
				words = shellWords(m[1])
			} else if !isVerb(words) {
				continue
			}
			found++
			if err := mentioned(words); err != nil {
				t.Errorf("%s: `%s`: %v", p.name, span, err)
			}
		}
	}
	if found < 20 {
		t.Errorf("only %d commands found: is the pattern right?", found)
	}
}

// isVerb reports whether words begin with a verb and go on, as in `port list`.
func isVerb(words []string) bool {
	if len(words) < 2 {
		return false
	}
	cmd, _, err := tree().Find(words[:1])
	return err == nil && cmd.HasParent()
}

// Beside each habit stand verbs. One word alone, as in `ubridge net start`,
// `stop`, is of the group before it.
func TestTableOfHabits(t *testing.T) {
	rows := 0
	for _, cells := range readPage(t, "README.md").rows() {
		if len(cells) != 2 || cells[0] == "you know" {
			continue
		}
		rows++
		group := []string{}
		for _, span := range spans(cells[1]) {
			words := shellWords(span)
			if m := invocation.FindStringSubmatch(span); m != nil {
				words = shellWords(m[1])
				group = words[:1]
			} else if len(words) == 1 {
				words = append(group[:len(group):len(group)], words...)
			}
			if err := mentioned(words); err != nil {
				t.Errorf("%s: `%s`: %v", cells[0], span, err)
			}
		}
		if len(group) == 0 {
			t.Errorf("%s: no command of ubridge beside it", cells[0])
		}
	}
	if rows < 7 {
		t.Errorf("%d rows in README's table, want 7 or more", rows)
	}
}
