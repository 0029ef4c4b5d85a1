package cli

import (
	"bufio"
	"encoding/json"
	"io"
	"iter"
)

// printJSON prints a list as an array, never as null.
func printJSON[T any](out io.Writer, list []T) error {
	return streamJSON(out, func(yield func(T, error) bool) {
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	})
}

// streamJSON prints a sequence as an array, an element on a line, each when it
// comes: there may be a million.
func streamJSON[T any](out io.Writer, seq iter.Seq2[T, error]) error {
	w := bufio.NewWriter(out)
	opening := "[\n"
	for v, err := range seq {
		if err != nil {
			_ = w.Flush() // what was there before the error; the error tells more
			return err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return err
		}
		if _, err := w.WriteString(opening + "  " + string(text)); err != nil {
			return err
		}
		opening = ",\n"
	}
	closing := "\n]\n"
	if opening == "[\n" {
		closing = "[]\n"
	}
	if _, err := w.WriteString(closing); err != nil {
		return err
	}
	return w.Flush()
}

// collect reads a sequence that is small enough to be sorted.
func collect[T any](seq iter.Seq2[T, error]) (list []T, err error) {
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}
