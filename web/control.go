package web

import (
	"context"
	"fmt"
)

// out wraps an answer as huma wants it.
type out[T any] struct{ Body T }

func (s *Server) status(ctx context.Context, _ *struct{}) (*out[Status], error) {
	st, err := s.o.Host.Status(ctx)
	if err != nil {
		return nil, s.failed(ctx, "status", err)
	}
	st.Version, st.Started = s.version(), s.started
	st.Reasons = s.o.NotReady()
	st.Ready = len(st.Reasons) == 0
	if st.Ready {
		st.Reasons = []string{}
	}
	return &out[Status]{st}, nil
}

// PluginList is the answer to GET /api/v1/plugins.
type PluginList struct {
	Plugins []Plugin `json:"plugins" nullable:"false"`
}

func (s *Server) plugins(ctx context.Context, _ *struct{}) (*out[PluginList], error) {
	list, err := s.allPlugins(ctx)
	if err != nil {
		return nil, s.failed(ctx, "plugins", err)
	}
	return &out[PluginList]{PluginList{some(list)}}, nil
}

// allPlugins are those that are known; without [Options.Plugins], that are live.
func (s *Server) allPlugins(ctx context.Context) ([]Plugin, error) {
	if s.o.Plugins != nil {
		return s.o.Plugins.Plugins(ctx)
	}
	st, err := s.o.Host.Status(ctx)
	return st.Plugins, err
}

func (s *Server) plugin(ctx context.Context, in *PluginPath) (*out[Plugin], error) {
	list, err := s.allPlugins(ctx)
	if err != nil {
		return nil, s.failed(ctx, "plugin", err)
	}
	for _, p := range list {
		if p.Name == in.Name {
			return &out[Plugin]{p}, nil
		}
	}
	return nil, s.failed(ctx, "plugin", fmt.Errorf("plugin %q: %w", in.Name, ErrNotFound))
}

// Paused is the answer to a pause or resume.
type Paused struct {
	Paused bool `json:"paused"`
}

func (s *Server) pause(ctx context.Context, _ *struct{}) (*out[Paused], error) {
	if err := s.o.Host.Pause(ctx, by(ctx), ""); err != nil {
		return nil, s.failed(ctx, "pause", err)
	}
	return &out[Paused]{Paused{true}}, nil
}

func (s *Server) resume(ctx context.Context, _ *struct{}) (*out[Paused], error) {
	if err := s.o.Host.Resume(ctx, by(ctx), ""); err != nil {
		return nil, s.failed(ctx, "resume", err)
	}
	return &out[Paused]{Paused{false}}, nil
}
