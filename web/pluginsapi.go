package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"

	"github.com/hearthbot/hearth/host/access"
)

const (
	uploadTime = 2 * time.Minute // for a plugin's file to come in

	// changeTime is how long it may take to compile and test a version, to replay
	// events for a gate, or to migrate rows.
	changeTime = 5 * time.Minute

	maxPluginUploads = 2 // at once: each is in memory whole
)

// pluginRoutes registers what looks at plugins and changes them.
func (s *Server) pluginRoutes(api huma.API) {
	patient := huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		_, w := humachi.Unwrap(c)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(changeTime + writeTimeout)) // not every connection has deadlines
		next(c)
	}}
	admin := func(id, method, path, summary string) huma.Operation {
		o := needs(access.Admin, op(id, method, path, summary))
		o.DefaultStatus = http.StatusOK
		o.Middlewares = patient
		o.Errors = []int{http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}
		return o
	}
	const one = "/api/v1/plugins/{name}"
	s.uploadRoute(api, admin)
	huma.Register(api, op("list-plugin-versions", http.MethodGet, one+"/versions", "The versions of a plugin that are kept, the newest upload first"), s.pluginVersions)
	huma.Register(api, op("get-plugin-version", http.MethodGet, one+"/versions/{sha}", "One version of a plugin"), s.pluginVersion)
	huma.Register(api, admin("delete-plugin-version", http.MethodDelete, one+"/versions/{sha}", "Delete a version that does not run"), s.removeVersion)
	huma.Register(api, admin("delete-plugin", http.MethodDelete, one, "Delete a plugin that is disabled, with all its versions; the rows that it kept stay"), s.removePlugin)

	promote := admin("promote-plugin", http.MethodPost, one+"/versions/{sha}/promote", "Make a version live; no event is lost or repeated")
	promote.Description = "Where the version asks for more than was granted, the answer is 409 with missing_grants. Where its state version is another, the rows are migrated first, " +
		"which may take a while; the version that runs goes on until then. With gate, events of the journal are replayed first."
	huma.Register(api, promote, s.promotePlugin)
	huma.Register(api, admin("roll-back-plugin", http.MethodPost, one+"/rollback", "Make the version live that was live before"), s.rollbackPlugin)
	huma.Register(api, admin("grant-plugin", http.MethodPost, one+"/grants", "Permit a plugin these, and nothing else, at once"), s.grantPlugin)
	huma.Register(api, admin("disable-plugin", http.MethodPost, one+"/disable", "Run nothing of a plugin; what waits for it goes on waiting"), s.disablePlugin)
	huma.Register(api, admin("enable-plugin", http.MethodPost, one+"/enable", "Run a plugin again that was disabled"), s.enablePlugin)

	huma.Register(api, op("get-rollout", http.MethodGet, one+"/rollout", "The gradual release of a plugin, and how near its guardrails are"), s.rollout)
	huma.Register(api, admin("begin-rollout", http.MethodPost, one+"/rollout", "Give a version to a part of the events"), s.beginRollout)
	huma.Register(api, admin("end-rollout", http.MethodDelete, one+"/rollout", "End a gradual release: back to the live version, or on to the new one"), s.endRollout)
	huma.Register(api, op("get-shadow", http.MethodGet, one+"/shadow", "What the version on silent trial would have done otherwise"), s.shadow)
	huma.Register(api, admin("shadow-plugin", http.MethodPost, one+"/shadow", "Run a version beside the live one, without its effects"), s.beginShadow)

	huma.Register(api, needs(access.Manager, op("get-plugin-config", http.MethodGet, one+"/config", "What can be set of a plugin, and what holds")), s.pluginConfig)
	configure := needs(access.Manager, op("configure-plugin", http.MethodPost, one+"/config", "Change what is set of a plugin; it works when this answers"))
	configure.Description = "Only fields that are named change; null takes one back to its default. They are held against the plugin's JSON Schema, all of them or none. With preview nothing is changed."
	configure.Middlewares = patient
	configure.MaxBodyBytes = 512 << 10
	huma.Register(api, configure, s.configurePlugin)

	huma.Register(api, needs(access.Manager, op("list-plugin-state", http.MethodGet, one+"/state", "Rows that a plugin keeps, a page at a time, in the order of their keys")), s.pluginState)
	logs := op("follow-plugin-logs", http.MethodGet, one+"/logs", "What a plugin logs, as it does, until the client goes")
	logs.Description = "Server-sent events: each `data` line is one PluginLog as JSON. What was logged before is with the events (list-events)."
	logs.Responses = map[string]*huma.Response{"200": {Description: "A stream that does not end.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(api, logs, s.followLogs)
}

// uploadRoute takes code in. Its body is read here and not by huma, which would
// keep a buffer of its size for the next request.
func (s *Server) uploadRoute(api huma.API, admin func(id, method, path, summary string) huma.Operation) {
	o := admin("upload-plugin", http.MethodPost, "/api/v1/plugins", "Bring a version of a plugin in, and test it")
	o.Description = "The body is the wasm, 32 MiB at most. It is compiled, asked what it is, and tested: nothing that runs is touched, and nothing runs it (promote-plugin makes it live). " +
		"A minisign signature goes into the query: `curl --data-binary @p.wasm -H 'Content-Type: application/wasm' --url-query signature@p.wasm.minisig`. The same code again is no error."
	o.DefaultStatus = http.StatusCreated
	o.Errors = append(o.Errors, http.StatusRequestEntityTooLarge, http.StatusServiceUnavailable)
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/wasm": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}}
	turns := make(chan struct{}, maxPluginUploads)
	o.Middlewares = append(huma.Middlewares{func(c huma.Context, next func(huma.Context)) {
		select {
		case turns <- struct{}{}:
			defer func() { <-turns }()
		default:
			c.SetHeader("Retry-After", "5")
			_ = huma.WriteErr(api, c, http.StatusServiceUnavailable, "other uploads are under way; send it again in a few seconds") // an error says that nobody listens
			return
		}
		_ = c.SetReadDeadline(time.Now().Add(uploadTime)) // not every connection has deadlines
		next(c)
	}}, o.Middlewares...)
	huma.Register(api, o, s.uploadPlugin)
}

// pluginBody is a body that is a plugin's code.
type pluginBody struct {
	code []byte
	err  error
}

// Resolve reads it, up to a bound. What is wrong is the handler's to say.
func (b *pluginBody) Resolve(c huma.Context) []error {
	if b.code, b.err = ReadPlugin(c.BodyReader()); b.err == nil && len(b.code) == 0 {
		b.err = &PluginError{Code: PluginInvalid, Err: errors.New("the body is empty; it is the plugin's .wasm file")}
	}
	return nil
}

func tooLarge(err error) bool {
	var large *http.MaxBytesError
	return errors.As(err, &large)
}

func (s *Server) uploadPlugin(ctx context.Context, in *struct {
	pluginBody
	Signature string `query:"signature" maxLength:"4096" doc:"the text of the .minisig file"`
	Why       string `query:"why" maxLength:"500"`
}) (*out[PluginVersion], error) {
	if in.err != nil {
		return nil, s.pluginFailed(ctx, "upload", in.err)
	}
	up := PluginUpload{Code: in.code, Why: strings.TrimSpace(in.Why)}
	if in.Signature != "" {
		up.Signature = []byte(in.Signature)
	}
	v, err := s.o.Plugins.Upload(ctx, by(ctx), up)
	return s.oneVersion(ctx, "upload", v, err)
}

// PluginProblem says why something was not done about a plugin, as RFC 9457 has
// it with members of our own.
type PluginProblem struct {
	Title   string  `json:"title"`
	Status  int     `json:"status"`
	Detail  string  `json:"detail"`
	Code    string  `json:"code" enum:"too_large,invalid,signature,self_test,missing_grants,state_version,gate,changing,in_use,no_way_back,spec"`
	Missing []Grant `json:"missing_grants,omitempty" doc:"what has to be granted first"`
}

func (p *PluginProblem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *PluginProblem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *PluginProblem) ContentType(string) string { return "application/problem+json" }

// pluginFailed makes of an error about a plugin what the client is told.
func (s *Server) pluginFailed(ctx context.Context, doing string, err error) error {
	var p *PluginError
	if errors.As(err, &p) {
		status := StatusOf(p.Code)
		return &PluginProblem{http.StatusText(status), status, p.Err.Error(), p.Code, p.Missing}
	}
	return s.failed(ctx, doing, err)
}

// PluginPath is a plugin's name in a path.
type PluginPath struct {
	Name string `path:"name" maxLength:"32"`
}

// VersionPath is a version's hash in a path.
type VersionPath struct {
	PluginPath
	SHA string `path:"sha" pattern:"^[0-9a-f]{8,64}$" patternDescription:"sha256 of its code in hex, or the beginning of it, 8 digits at least"`
}

// Reason is why, for the record.
type Reason struct {
	Why string `json:"why,omitempty" query:"why" maxLength:"500" doc:"for the record"`
}

// FindVersion is the version of a plugin whose hash begins so.
func FindVersion(ctx context.Context, p Plugins, name, sha string) (PluginVersion, error) {
	list, err := p.Versions(ctx, name)
	if err != nil {
		return PluginVersion{}, err
	}
	var found []PluginVersion
	for i := range list {
		if len(sha) >= 8 && strings.HasPrefix(list[i].SHA256, sha) {
			found = append(found, list[i])
		}
	}
	if len(found) == 0 {
		return PluginVersion{}, fmt.Errorf("%w: version %s of plugin %s", ErrNotFound, sha, name)
	}
	if len(found) > 1 {
		return PluginVersion{}, &PluginError{Code: PluginInvalid, Err: fmt.Errorf("several versions of %s begin with %s: write more of it", name, sha)}
	}
	return found[0], nil
}

func (s *Server) oneVersion(ctx context.Context, doing string, v PluginVersion, err error) (*out[PluginVersion], error) {
	if err != nil {
		return nil, s.pluginFailed(ctx, doing, err)
	}
	return &out[PluginVersion]{v.whole()}, nil
}

// whole has no list that JSON would call null.
func (v PluginVersion) whole() PluginVersion {
	v.Events, v.Commands, v.Grants, v.Missing = some(v.Events), some(v.Commands), some(v.Grants), some(v.Missing)
	return v
}

// PluginVersions is the answer to GET …/versions.
type PluginVersions struct {
	Versions []PluginVersion `json:"versions" nullable:"false"`
}

func (s *Server) pluginVersions(ctx context.Context, in *PluginPath) (*out[PluginVersions], error) {
	list, err := s.o.Plugins.Versions(ctx, in.Name)
	if err != nil {
		return nil, s.pluginFailed(ctx, "versions", err)
	}
	for i := range list {
		list[i] = list[i].whole()
	}
	return &out[PluginVersions]{PluginVersions{some(list)}}, nil
}

func (s *Server) pluginVersion(ctx context.Context, in *VersionPath) (*out[PluginVersion], error) {
	v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.SHA)
	return s.oneVersion(ctx, "version", v, err)
}

func (s *Server) promotePlugin(ctx context.Context, in *struct {
	VersionPath
	Body *PluginPromotion
}) (*out[PluginVersion], error) {
	v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.SHA)
	if err == nil {
		v, err = s.o.Plugins.Promote(ctx, by(ctx), in.Name, v.SHA256, *cmp.Or(in.Body, &PluginPromotion{}))
	}
	return s.oneVersion(ctx, "promote", v, err)
}

// reasoned is a request about a plugin, perhaps with why.
type reasoned struct {
	PluginPath
	Body *Reason
}

func (r *reasoned) why() string { return cmp.Or(r.Body, &Reason{}).Why }

func (s *Server) rollbackPlugin(ctx context.Context, in *reasoned) (*out[PluginVersion], error) {
	v, err := s.o.Plugins.Rollback(ctx, by(ctx), in.Name, in.why())
	return s.oneVersion(ctx, "roll back", v, err)
}

// GrantsWanted is what a plugin shall be permitted.
type GrantsWanted struct {
	Grants []GrantName `json:"grants,omitempty" maxItems:"64" nullable:"true" doc:"all that it may do; what is not here is taken away"`
	AllOf  string      `json:"all_of,omitempty" pattern:"^([0-9a-f]{8,64})?$" doc:"in place of grants: sha256 of a version, all that it asks for and no less than was granted"`
	Why    string      `json:"why,omitempty" maxLength:"500"`
}

// GrantName is a permission by its name.
type GrantName struct {
	Name  string `json:"name" maxLength:"32"`
	Param string `json:"param,omitempty" maxLength:"256"`
}

func (s *Server) grantPlugin(ctx context.Context, in *struct {
	PluginPath
	Body GrantsWanted
}) (*out[Plugin], error) {
	var all []Grant
	for _, g := range in.Body.Grants {
		all = append(all, Grant{Name: g.Name, Param: g.Param})
	}
	if in.Body.AllOf != "" {
		v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.Body.AllOf)
		if err != nil {
			return nil, s.pluginFailed(ctx, "grant", err)
		}
		p, err := s.o.Plugins.Plugin(ctx, in.Name)
		if err != nil {
			return nil, s.pluginFailed(ctx, "grant", err)
		}
		all = append(all, v.Grants...)
		for _, g := range p.Grants {
			if g.Granted && !g.in(all) {
				all = append(all, g)
			}
		}
	}
	if err := s.o.Plugins.Grant(ctx, by(ctx), in.Name, all, in.Body.Why); err != nil {
		return nil, s.pluginFailed(ctx, "grant", err)
	}
	return s.plugin(ctx, &in.PluginPath)
}

// in says whether a list has the same permission.
func (g Grant) in(list []Grant) bool {
	for _, h := range list {
		if h.Name == g.Name && h.Param == g.Param {
			return true
		}
	}
	return false
}

func (s *Server) disablePlugin(ctx context.Context, in *reasoned) (*out[Plugin], error) {
	return s.changed(ctx, "disable", in.Name, s.o.Plugins.Disable(ctx, by(ctx), in.Name, in.why()))
}

func (s *Server) enablePlugin(ctx context.Context, in *reasoned) (*out[Plugin], error) {
	return s.changed(ctx, "enable", in.Name, s.o.Plugins.Enable(ctx, by(ctx), in.Name, in.why()))
}

// changed answers with the plugin as it is now.
func (s *Server) changed(ctx context.Context, doing, name string, err error) (*out[Plugin], error) {
	if err != nil {
		return nil, s.pluginFailed(ctx, doing, err)
	}
	return s.plugin(ctx, &PluginPath{name})
}

// Removed is the answer to a deletion.
type Removed struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256,omitempty" doc:"not there: all versions"`
}

func (s *Server) removeVersion(ctx context.Context, in *struct {
	VersionPath
	Reason
}) (*out[Removed], error) {
	v, err := FindVersion(ctx, s.o.Plugins, in.Name, in.SHA)
	if err == nil {
		err = s.o.Plugins.Remove(ctx, by(ctx), in.Name, v.SHA256, in.Why)
	}
	if err != nil {
		return nil, s.pluginFailed(ctx, "delete a version", err)
	}
	return &out[Removed]{Removed{in.Name, v.SHA256}}, nil
}

func (s *Server) removePlugin(ctx context.Context, in *struct {
	PluginPath
	Reason
}) (*out[Removed], error) {
	if err := s.o.Plugins.Remove(ctx, by(ctx), in.Name, "", in.Why); err != nil {
		return nil, s.pluginFailed(ctx, "delete a plugin", err)
	}
	return &out[Removed]{Removed{Name: in.Name}}, nil
}
