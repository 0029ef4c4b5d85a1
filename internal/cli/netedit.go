package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"ubridge/internal/api"
)

func (a *app) netEdit() *cobra.Command {
	var xml bool
	cmd := a.asking("edit NET", "change a network's definition in an editor, and what runs as far as that can be",
		"  EDITOR=nano ubridge net edit default\n  ubridge net edit default --xml",
		func(c *api.Client, cmd *cobra.Command, args []string) error {
			def, err := c.Definition(cmd.Context(), args[0])
			switch {
			case err != nil:
				return err
			case def.ReadOnly:
				return api.Errorf(api.Conflict, "network %s is defined by the administrator: edit %s", args[0], def.File)
			case def.TOML == "":
				return api.Errorf(api.Conflict, "network %s is transient, it has no definition to edit: use `ubridge net set`", args[0])
			}
			e := &edit{app: a, cmd: cmd, client: c, def: def, text: def.TOML, answers: bufio.NewReader(cmd.InOrStdin())}
			if e.xml = xml; xml {
				if e.text, err = c.DumpXML(cmd.Context(), args[0], true); err != nil {
					return err
				}
			}
			return e.run(cmd.Context())
		})
	cmd.Flags().BoolVar(&xml, "xml", false, "edit it in libvirt's form, as virsh net-edit")
	return cmd
}

// edit is one session of `net edit`.
type edit struct {
	app     *app
	cmd     *cobra.Command
	client  *api.Client
	def     api.Definition
	xml     bool
	text    string // that the editor is given
	answers *bufio.Reader
	path    string // of the file in the editor
}

// run edits until the text is good, or the user gives up.
func (e *edit) run(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "ubridge-edit-")
	if err != nil {
		return fmt.Errorf("a file to edit: %w", err)
	}
	e.path = filepath.Join(dir, e.def.Network+".toml")
	if e.xml {
		e.path = filepath.Join(dir, e.def.Network+".xml")
	}
	if err := os.WriteFile(e.path, []byte(e.text), 0o600); err != nil {
		return errors.Join(fmt.Errorf("a file to edit: %w", err), os.RemoveAll(dir))
	}
	if err := e.rounds(ctx); err != nil {
		if text, readErr := os.ReadFile(e.path); readErr == nil && string(text) != e.text {
			fmt.Fprintf(e.cmd.ErrOrStderr(), "ubridge: your text is kept in %s\n", e.path)
			return err
		}
		return errors.Join(err, os.RemoveAll(dir))
	}
	return os.RemoveAll(dir)
}

func (e *edit) rounds(ctx context.Context) error {
	for {
		again, err := e.round(ctx)
		if err == nil && !again {
			return nil
		}
		if err != nil {
			if code := api.CodeOf(err); code != api.Usage && code != api.Conflict {
				return err
			}
			fmt.Fprintf(e.cmd.ErrOrStderr(), "ubridge: %v\n", err)
			if !e.ask("edit again? [Y/n] ", "y", false) {
				return api.Errorf(api.Failed, "network %s is not changed", e.def.Network)
			}
		}
	}
}

// round is one time in the editor; again says that the user wants another.
func (e *edit) round(ctx context.Context) (again bool, err error) {
	if err := e.open(ctx); err != nil {
		return false, err
	}
	text, err := readBounded(e.path)
	if err != nil {
		return false, err
	}
	r := api.ChangeRequest{Network: e.def.Network, TOML: text, Live: e.def.Running != "", Config: true, Since: e.def.TOML, DryRun: true}
	if e.xml {
		r.TOML, r.XML = "", text
	}
	if text == e.text {
		return false, e.app.done(e.cmd, nil, "network %s is not changed", e.def.Network)
	}
	if strings.TrimSpace(text) == "" {
		return false, api.Errorf(api.Usage, "the file is empty")
	}
	res, err := e.client.Change(ctx, r)
	if err != nil {
		return false, err
	}
	if len(res.Steps) == 0 {
		return false, e.app.done(e.cmd, nil, "network %s is not changed", e.def.Network)
	}
	out := e.cmd.OutOrStdout()
	if !e.app.json {
		if err := printSteps(out, res); err != nil {
			return false, err
		}
	}
	if waits(res) {
		fmt.Fprintf(e.cmd.ErrOrStderr(), "ubridge: not all of it can change while guests are attached\n")
	}
	if !e.ask("change it? [Y/n] ", "y", true) {
		return true, nil
	}
	r.DryRun = false
	if res, err = e.client.Change(ctx, r); err != nil {
		return false, err
	}
	if e.app.json {
		return false, printJSON(out, []api.ChangeResult{res})
	}
	return false, printChanged(out, res, false)
}

// open runs the user's editor on the file, as virsh finds it: $VISUAL, $EDITOR,
// vi. They may hold options.
func (e *edit) open(ctx context.Context) error {
	editor := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR"), "vi")
	cmd := exec.CommandContext(ctx, "sh", "-c", editor+` "$1"`, "sh", e.path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return api.Errorf(api.Failed, "editor %s: %v; set EDITOR", editor, err)
	}
	return nil
}

// ask reads a line; an empty one is the first choice. Where nobody answers it is
// what a script wants.
func (e *edit) ask(question, yes string, unasked bool) bool {
	fmt.Fprint(e.cmd.ErrOrStderr(), question)
	line, err := e.answers.ReadString('\n')
	if errors.Is(err, io.EOF) && line == "" {
		fmt.Fprintln(e.cmd.ErrOrStderr())
		return unasked
	}
	line = strings.ToLower(strings.TrimSpace(line))
	return line == "" || strings.HasPrefix(line, yes)
}
