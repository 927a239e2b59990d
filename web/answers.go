package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"golang.org/x/text/language"

	"github.com/hearthbot/hearth/host/access"
)

// Answerer knows what the community has answered before. It is safe for
// concurrent use.
type Answerer interface {
	// Answer returns what is known about a question, as JSON of an [Answers]. It
	// is [ErrNotFound] where nothing is collected.
	Answer(ctx context.Context, q Question) ([]byte, error)
}

// Question is what somebody wants to know.
type Question struct {
	Text   string      // 1 to MaxQuestion bytes of UTF-8
	Locale string      // "en" or "zh-CN": of what hearth itself says
	Role   access.Role // of who asks: what they may see
}

// MaxQuestion is how many bytes a question may have.
const MaxQuestion = 4 << 10

// Answers is what is known about a question.
type Answers struct {
	Query    string      `json:"q" doc:"the question, as it was looked up: in lower case, without names, links and emoji"`
	Found    bool        `json:"found" doc:"it was asked before, and the answer is sure enough to be given by a machine"`
	Score    float64     `json:"score" minimum:"0" maximum:"1" doc:"how often a match as near as this one is right"`
	Needed   float64     `json:"needed" minimum:"0" maximum:"1" doc:"the score from which on it is found"`
	Question string      `json:"question,omitempty" doc:"the known wording that is nearest"`
	Topic    *KnownTopic `json:"topic,omitempty" doc:"what is nearest, though it may not be near enough: found says whether to trust it"`
}

// answerRoutes serves /api/v1/answers. It is asked by other programs for each of
// their visitors, so it goes around huma's machinery: what is kept is passed on
// as it lies there. The document describes it all the same.
func (s *Server) answerRoutes(r chi.Router, api huma.API) {
	h := s.only(access.Viewer)(http.HandlerFunc(s.answer))
	r.Method(http.MethodGet, "/api/v1/answers", h)
	r.Method(http.MethodPost, "/api/v1/answers", h)

	schemas := api.OpenAPI().Components.Schemas
	about := func(method, id string) *huma.Operation {
		o := needs(access.Viewer, op(id, method, "/api/v1/answers", "What the community has answered to a question before"))
		o.Description = "Answers are kept until something they were made of changes. A question is the same as another if it differs in case, white space, names, links or emoji alone."
		o.Responses = map[string]*huma.Response{"200": {Description: "What is known.", Content: map[string]*huma.MediaType{
			"application/json": {Schema: schemas.Schema(reflect.TypeFor[Answers](), true, "Answers")}}}}
		for code, why := range map[string]string{"400": "There is no question, or it is too long.", "401": "There is no token.", "404": "Nothing is collected here: the plugin digest is not installed."} {
			o.Responses[code] = &huma.Response{Description: why}
		}
		return &o
	}
	most := MaxQuestion
	text := &huma.Schema{Type: huma.TypeString, MinLength: new(1), MaxLength: &most}
	locale := &huma.Schema{Type: huma.TypeString, Enum: []any{"en", "zh-CN"}}
	get := about(http.MethodGet, "get-answers")
	get.Parameters = []*huma.Param{
		{Name: "q", In: "query", Required: true, Description: "The question.", Schema: text},
		{Name: "locale", In: "query", Description: "The language of what hearth itself says; without it Accept-Language's.", Schema: locale}}
	post := about(http.MethodPost, "ask-answers")
	post.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
		Type: huma.TypeObject, Required: []string{"q"}, AdditionalProperties: false,
		Properties: map[string]*huma.Schema{"q": text, "locale": locale}}}}}
	api.OpenAPI().AddOperation(get)
	api.OpenAPI().AddOperation(post)
}

var locales = language.NewMatcher([]language.Tag{language.English, language.SimplifiedChinese})

func (s *Server) answer(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	q, err := question(w, r)
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error())
		return
	}
	q.Role = role(r.Context())
	body, err := s.o.Answers.Answer(r.Context(), q)
	if err != nil {
		var e huma.StatusError
		if !errors.As(s.failed(r.Context(), "answering a question", err), &e) {
			e = huma.Error500InternalServerError("hearth could not do this; its log says why")
		}
		problem(w, e.GetStatus(), e.Error())
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body) // an error says that nobody listens any more
}

// question reads what is asked.
func question(w http.ResponseWriter, r *http.Request) (q Question, err error) {
	if r.Method == http.MethodPost {
		var in struct {
			Q      string `json:"q"`
			Locale string `json:"locale"`
		}
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 8*MaxQuestion)) // escapes take room
		d.DisallowUnknownFields()
		if err := d.Decode(&in); err != nil {
			return q, fmt.Errorf(`the body is to be JSON such as {"q": "how do I read a file?", "locale": "en"}: %w`, err)
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return q, errors.New("there is something behind the JSON of the body")
		}
		q.Text, q.Locale = in.Q, in.Locale
	} else {
		values, err := url.ParseQuery(r.URL.RawQuery)
		if err != nil {
			return q, fmt.Errorf("the query cannot be read: %w", err)
		}
		for name := range values {
			if name != "q" && name != "locale" {
				return q, fmt.Errorf("the parameter %q is unknown; there are q and locale", name)
			}
		}
		q.Text, q.Locale = values.Get("q"), values.Get("locale")
	}
	switch {
	case strings.TrimSpace(q.Text) == "":
		return q, errors.New("the question is missing: q")
	case len(q.Text) > MaxQuestion:
		return q, fmt.Errorf("the question has %d bytes, at most %d", len(q.Text), MaxQuestion)
	case !utf8.ValidString(q.Text):
		return q, errors.New("the question is not UTF-8")
	}
	switch q.Locale {
	case "en", "zh-CN":
	case "":
		q.Locale = "en"
		if accept := r.Header.Get("Accept-Language"); accept != "" {
			if _, i := language.MatchStrings(locales, accept); i == 1 {
				q.Locale = "zh-CN"
			}
		}
	default:
		return q, fmt.Errorf("the locale %q is unknown; there are en and zh-CN", q.Locale)
	}
	return q, nil
}
