package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// bodyTimeout is how long a request may take to arrive, with its body.
const bodyTimeout = time.Minute

// Serve answers on l until ctx ends. Then it takes no new request, ends its
// streams, lets what is under way finish for at most grace, and returns nil; it
// closes l. Streams that Mounts keep open have to end by themselves.
func (s *Server) Serve(ctx context.Context, l net.Listener, grace time.Duration) error {
	srv := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       bodyTimeout,                // net/http lifts it once the body is read
		WriteTimeout:      bodyTimeout + writeTimeout, // streams move it on
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("web: serving %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	s.Close()
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	err := srv.Shutdown(end)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests were still under way when hearth stopped; they were broken off", "grace", grace)
		err = srv.Close()
	}
	if <-failed; err != nil {
		return fmt.Errorf("web: stopping: %w", err)
	}
	return nil
}
