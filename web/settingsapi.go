package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
)

// settingsTime is how long a change may take to be put to use, and to be taken
// back if it cannot be.
const settingsTime = time.Minute

// maxDocument is how many bytes an imported config may have.
const maxDocument = 256 << 10

// settingRoutes registers what changes settings. Who may change which of them is
// theirs to say.
func (s *Server) settingRoutes(api huma.API) {
	toml := map[string]*huma.MediaType{"application/toml": {Schema: &huma.Schema{Type: huma.TypeString}}}
	// To put a change to use may take longer than other answers.
	patient := huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(settingsTime + writeTimeout)) // not every connection has deadlines
		next(c)
	}}
	admin := func(o huma.Operation) huma.Operation { return needs(access.Admin, o) }
	manager := func(o huma.Operation) huma.Operation { return needs(access.Manager, o) }
	huma.Register(api, manager(op("list-settings", http.MethodGet, "/api/v1/settings", "All that can be set, with what holds; secrets are not shown")), s.listSettings)
	change := op("change-settings", http.MethodPut, "/api/v1/settings", "Change settings, all of them or none; those that work at once do when this answers")
	change.Description = "A change names the revision (base) that the setting had when it was read. If somebody was faster, the answer is 409 with the settings as they are now."
	change.MaxBodyBytes = 2 << 20
	change.Middlewares = patient
	huma.Register(api, change, s.changeSettings)
	huma.Register(api, manager(op("setting-history", http.MethodGet, "/api/v1/settings/{key}/history", "The changes of a setting, the newest first, a page at a time")), s.settingHistory)
	export := admin(op("export-config", http.MethodGet, "/api/v1/config", "All that is set beside the config's file, as a config file; secrets stand as ${secret:kept}"))
	export.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: toml}}
	huma.Register(api, export, s.exportConfig)
	load := admin(op("import-config", http.MethodPost, "/api/v1/config", "Make what is set beside the config's file what the document says; what it leaves out goes back to its default"))
	load.MaxBodyBytes = maxDocument
	load.Middlewares = patient
	load.RequestBody = &huma.RequestBody{Required: true, Content: toml}
	load.SkipValidateBody = true
	huma.Register(api, load, s.importConfig)
}

// SettingList is the answer to GET /api/v1/settings.
type SettingList struct {
	Settings []Setting `json:"settings" nullable:"false"`
}

func (s *Server) listSettings(ctx context.Context, _ *struct{}) (*out[SettingList], error) {
	list, err := s.o.Settings.Settings(ctx)
	if err != nil {
		return nil, s.failed(ctx, "settings", err)
	}
	return &out[SettingList]{SettingList{list}}, nil
}

// SettingChanges is the body of PUT /api/v1/settings.
type SettingChanges struct {
	Changes []SettingChange `json:"changes" minItems:"1" maxItems:"200" nullable:"false"`
	Why     string          `json:"why,omitempty" maxLength:"500" doc:"for the record"`
}

func (s *Server) changeSettings(ctx context.Context, in *struct{ Body SettingChanges }) (*struct{}, error) {
	if err := s.o.Settings.Change(ctx, by(ctx), in.Body.Why, in.Body.Changes); err != nil {
		return nil, s.settingsFailed(ctx, err)
	}
	return nil, nil
}

// SettingHistory is the answer to GET /api/v1/settings/{key}/history.
type SettingHistory struct {
	Versions []SettingVersion `json:"versions" nullable:"false"`
}

func (s *Server) settingHistory(ctx context.Context, in *struct {
	Key    string `path:"key" maxLength:"200"`
	Before uint64 `query:"before" doc:"numbers below this one"`
	Limit  int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}) (*out[SettingHistory], error) {
	list, err := s.o.Settings.History(ctx, in.Key, in.Before, in.Limit)
	if err != nil {
		return nil, s.failed(ctx, "history", err)
	}
	return &out[SettingHistory]{SettingHistory{list}}, nil
}

// document is a config, as a file.
type document struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *Server) exportConfig(ctx context.Context, _ *struct{}) (*document, error) {
	doc, err := s.o.Settings.Export(ctx)
	if err != nil {
		return nil, s.failed(ctx, "export", err)
	}
	return &document{"application/toml", doc}, nil
}

// ConfigDifference is the answer to POST /api/v1/config.
type ConfigDifference struct {
	Changes []SettingDifference `json:"changes" nullable:"false"`
	Applied bool                `json:"applied" doc:"whether they have been made"`
}

func (s *Server) importConfig(ctx context.Context, in *struct {
	DryRun  bool   `query:"dry_run" doc:"say what would change, and change nothing"`
	Why     string `query:"why" maxLength:"500" doc:"for the record"`
	RawBody []byte
}) (*out[ConfigDifference], error) {
	list, err := s.o.Settings.Import(ctx, by(ctx), in.Why, in.RawBody, in.DryRun)
	if err != nil {
		return nil, s.settingsFailed(ctx, err)
	}
	return &out[ConfigDifference]{ConfigDifference{list, !in.DryRun}}, nil
}

// SettingsProblem is the answer to a change that was not made: problem details
// (RFC 9457), with what is wrong with which setting or what is there now.
type SettingsProblem struct {
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail"`
	Faults []SettingFault `json:"faults,omitempty" doc:"what is wrong, by setting"`
	Now    []Setting      `json:"now,omitempty" doc:"the settings that somebody else has changed, as they are"`
}

func (p *SettingsProblem) Error() string { return p.Detail }

// GetStatus makes it an answer of huma's.
func (p *SettingsProblem) GetStatus() int { return p.Status }

// ContentType is that of problems.
func (p *SettingsProblem) ContentType(string) string { return "application/problem+json" }

func (s *Server) settingsFailed(ctx context.Context, err error) error {
	var conflict *SettingsConflict
	var refused *SettingsRefused
	var failed *SettingsFailed
	answer := func(status int, err error, faults []SettingFault, now []Setting) error {
		return &SettingsProblem{http.StatusText(status), status, err.Error(), faults, now}
	}
	switch {
	case errors.As(err, &conflict):
		return answer(http.StatusConflict, conflict, nil, conflict.Now)
	case errors.As(err, &refused):
		return answer(http.StatusUnprocessableEntity, refused, refused.Faults, nil)
	case errors.As(err, &failed):
		return answer(http.StatusUnprocessableEntity, failed, failed.Faults, nil)
	}
	return s.failed(ctx, "settings", err)
}
