package bench

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// write leaves results, tables and charts in the directory and file asked for.
func (rep *Report) write(o Options) error {
	if o.Out != "" {
		if err := os.MkdirAll(o.Out, 0o755); err != nil {
			return fmt.Errorf("results: %w", err)
		}
		if o.JSON == "" {
			o.JSON = filepath.Join(o.Out, "results.json")
		}
		if err := errors.Join(rep.writeTables(o.Out), rep.charts(o.Out)); err != nil {
			return err
		}
	}
	if o.JSON == "" {
		return nil
	}
	text, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	if err := os.WriteFile(o.JSON, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("results: %w", err)
	}
	fmt.Fprintf(o.Stderr, "results: %s\n", o.JSON)
	return nil
}

// writeTables leaves what print shows in results.txt.
func (rep *Report) writeTables(dir string) error {
	var text bytes.Buffer
	rep.print(&text)
	if err := os.WriteFile(filepath.Join(dir, "results.txt"), text.Bytes(), 0o644); err != nil {
		return fmt.Errorf("tables: %w", err)
	}
	return nil
}
