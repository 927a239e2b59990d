package web

import (
	"context"
	"encoding/json"

	"github.com/danielgtaylor/huma/v2"
)

func (s *Server) rollout(ctx context.Context, in *PluginPath) (*out[Rollout], error) {
	r, err := s.o.Plugins.Rollout(ctx, in.Name)
	if err != nil {
		return nil, s.pluginFailed(ctx, "rollout", err)
	}
	r.Bars = some(r.Bars)
	return &out[Rollout]{r}, nil
}

func (s *Server) beginRollout(ctx context.Context, in *struct {
	PluginPath
	Why  string `query:"why" maxLength:"500" doc:"for the record"`
	Body RolloutSpec
}) (*out[Rollout], error) {
	v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.Body.SHA256)
	if err == nil {
		in.Body.SHA256 = v.SHA256
		err = s.o.Plugins.BeginRollout(ctx, by(ctx), in.Name, in.Body, in.Why)
	}
	if err != nil {
		return nil, s.pluginFailed(ctx, "begin a rollout", err)
	}
	return s.rollout(ctx, &in.PluginPath)
}

func (s *Server) endRollout(ctx context.Context, in *struct {
	PluginPath
	Reason
	Promote bool `query:"promote" doc:"make the new version live; else it is taken back"`
}) (*out[Plugin], error) {
	return s.changed(ctx, "end a rollout", in.Name, s.o.Plugins.EndRollout(ctx, by(ctx), in.Name, in.Promote, in.Why))
}

func (s *Server) shadow(ctx context.Context, in *PluginPath) (*out[ShadowReport], error) {
	r, err := s.o.Plugins.ShadowReport(ctx, in.Name)
	if err != nil {
		return nil, s.pluginFailed(ctx, "shadow", err)
	}
	r.List = some(r.List)
	return &out[ShadowReport]{r}, nil
}

func (s *Server) beginShadow(ctx context.Context, in *struct {
	PluginPath
	Body struct {
		SHA256 string `json:"sha256" pattern:"^([0-9a-f]{8,64})?$" doc:"of the version; \"\" ends the trial"`
		Why    string `json:"why,omitempty" maxLength:"500"`
	}
}) (*out[Plugin], error) {
	sha := ""
	if in.Body.SHA256 != "" {
		v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.Body.SHA256)
		if err != nil {
			return nil, s.pluginFailed(ctx, "shadow", err)
		}
		sha = v.SHA256
	}
	return s.changed(ctx, "shadow", in.Name, s.o.Plugins.Shadow(ctx, by(ctx), in.Name, sha, in.Body.Why))
}

func (s *Server) pluginConfig(ctx context.Context, in *PluginPath) (*out[PluginConfig], error) {
	c, err := s.o.Plugins.Config(ctx, in.Name)
	if err != nil {
		return nil, s.pluginFailed(ctx, "config", err)
	}
	return &out[PluginConfig]{c}, nil
}

// ConfigChanged is what a change of a config changes, or with preview would.
type ConfigChanged struct {
	Changed []SettingDifference `json:"changed" nullable:"false"`
	Preview bool                `json:"preview"`
}

func (s *Server) configurePlugin(ctx context.Context, in *struct {
	PluginPath
	Preview bool `query:"preview" doc:"only say what would change, and what is wrong"`
	Body    struct {
		Config map[string]json.RawMessage `json:"config" doc:"fields by name"`
		Why    string                     `json:"why,omitempty" maxLength:"500"`
	}
}) (*out[ConfigChanged], error) {
	list, err := s.o.Plugins.Configure(ctx, by(ctx), in.Name, in.Body.Config, in.Body.Why, in.Preview)
	if err != nil {
		return nil, s.settingsFailed(ctx, err)
	}
	return &out[ConfigChanged]{ConfigChanged{some(list), in.Preview}}, nil
}

func (s *Server) pluginState(ctx context.Context, in *struct {
	PluginPath
	StateFilter
}) (*out[StatePage], error) {
	p, err := s.o.Plugins.State(ctx, in.Name, in.StateFilter)
	if err != nil {
		return nil, s.pluginFailed(ctx, "state", err)
	}
	p.Rows = some(p.Rows)
	return &out[StatePage]{p}, nil
}

func (s *Server) followLogs(ctx context.Context, in *PluginPath) (*huma.StreamResponse, error) {
	ctx, cancel := s.open(ctx)
	logs, err := s.o.Plugins.Logs(ctx, in.Name)
	if err != nil {
		cancel()
		return nil, s.pluginFailed(ctx, "logs", err)
	}
	return streamOf(ctx, s, "logs", logs, cancel), nil
}
