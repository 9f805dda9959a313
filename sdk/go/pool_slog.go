//go:build go1.21

package weir

import (
	"context"
	"log/slog"
)

// LogTo logs what happens to a pool, and the lines of its workers, instead of writing them to
// standard error.
func LogTo(logger *slog.Logger) PoolOption {
	return func(o *poolOptions) {
		o.stderr = nil
		before := o.onEvent
		o.onEvent = func(event Event) {
			if before != nil {
				before(event)
			}
			level, message := slog.LevelInfo, "weir pool "+string(event.Kind)
			attributes := []slog.Attr{slog.Int("pid", event.Pid)}
			if event.Kind == PoolLine {
				message = event.Text
			} else if event.Text != "" {
				attributes = append(attributes, slog.String("text", event.Text))
			}
			if event.Err != nil {
				level = slog.LevelError
				attributes = append(attributes, slog.Any("error", event.Err))
			}
			logger.LogAttrs(context.Background(), level, message, attributes...)
		}
	}
}
