package web

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/hearthbot/hearth/host/access"
	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/sdk/abi"
)

// The three ways in which CloudEvents come over HTTP: as one document, as a
// list of them, or as headers beside the bare data.
const (
	oneEvent   = "application/cloudevents+json"
	manyEvents = "application/cloudevents-batch+json"
)

// Bounds of what comes in by the API. The host has its own for each event.
const (
	maxBatch      = 500
	maxBatchBytes = 1 << 20
	maxAttribute  = 256 // bytes of an id or a source
	maxProps      = 32  // of one event; further fields stay in its data
	maxProp       = 1 << 10
)

// cloudEvent is a CloudEvent (https://cloudevents.io, version 1.0).
type cloudEvent struct {
	SpecVersion string          `json:"specversion"`
	ID          string          `json:"id"`
	Source      string          `json:"source"`
	Type        string          `json:"type"`
	Subject     string          `json:"subject"`
	Time        string          `json:"time"`
	ContentType string          `json:"datacontenttype"`
	Data        json.RawMessage `json:"data"`
	Base64      string          `json:"data_base64"`

	raw []byte // data that came beside headers
}

// CloudEventResults is the answer to POST /api/v1/events.
type CloudEventResults struct {
	Results []CloudEventResult `json:"results" doc:"in the order in which they came" nullable:"false"`
}

// CloudEventResult is what became of one event.
type CloudEventResult struct {
	ID      string `json:"id"`
	Source  string `json:"source"`
	Outcome string `json:"outcome" enum:"accepted,duplicate,unwanted" doc:"unwanted: no plugin asks for such events, and nothing was stored"`
}

func cloudEventsOp() huma.Operation {
	o := needs(access.Admin, op("send-events", http.MethodPost, "/api/v1/events", "Bring events in as CloudEvents, one or many"))
	o.Description = "They are handled once however often they are sent, by their source and id, and reach plugins as custom.tracked under " +
		"their type, or under what analytics.events in the config makes of it. A subject such as slack:U2147483697 names the member an event is about. Either all of a list are acceptable or none is taken; " +
		"after an error 503 the same list can be sent again. Events also come with their attributes in ce- headers and any data as the body."
	o.DefaultStatus = http.StatusAccepted
	o.MaxBodyBytes = maxBatchBytes
	o.BodyReadTimeout = bodyTimeout
	o.SkipValidateBody = true // parseCloudEvents says better what is wrong
	schema := &huma.Schema{Type: huma.TypeObject, Required: []string{"specversion", "id", "source", "type"}, Properties: map[string]*huma.Schema{
		"specversion": {Type: huma.TypeString, Enum: []any{"1.0"}}, "id": {Type: huma.TypeString}, "source": {Type: huma.TypeString},
		"type": {Type: huma.TypeString}, "subject": {Type: huma.TypeString}, "time": {Type: huma.TypeString, Format: "date-time"},
		"datacontenttype": {Type: huma.TypeString}, "data": {}, "data_base64": {Type: huma.TypeString}}}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		oneEvent:   {Schema: schema},
		manyEvents: {Schema: &huma.Schema{Type: huma.TypeArray, Items: schema}},
	}}
	return o
}

// cloudEventInput takes the body as it comes: what it is, the headers say.
type cloudEventInput struct {
	header http.Header

	RawBody []byte
}

// Resolve keeps the headers, of which any may be an attribute.
func (in *cloudEventInput) Resolve(ctx huma.Context) []error {
	in.header = http.Header{}
	ctx.EachHeader(in.header.Add)
	return nil
}

func (s *Server) cloudEvents(ctx context.Context, in *cloudEventInput) (*out[CloudEventResults], error) {
	list, err := parseCloudEvents(in.header, in.RawBody)
	if errors.Is(err, errMediaType) {
		return nil, huma.Error415UnsupportedMediaType(err.Error())
	}
	if err != nil {
		return nil, huma.Error400BadRequest(err.Error())
	}
	incoming := make([]chat.Incoming, len(list))
	for i := range list {
		ev, err := s.tracked(&list[i])
		if err != nil {
			return nil, huma.Error400BadRequest(fmt.Sprintf("event %d: %v", i+1, err))
		}
		if s.o.Outside != nil {
			rename(&ev, s.o.Outside.Name)
		}
		incoming[i].Event = ev
	}
	res := CloudEventResults{Results: make([]CloudEventResult, 0, len(list))}
	for _, in := range incoming {
		got, err := s.o.Host.Accept(ctx, in)
		if err != nil {
			return nil, s.failed(ctx, "accept events", err)
		}
		res.Results = append(res.Results, CloudEventResult{in.Event.ID, in.Event.Source, outcomeOf(got)})
	}
	return &out[CloudEventResults]{res}, nil
}

var errMediaType = errors.New("this is no CloudEvent: the Content-Type is " + oneEvent + " for one, " + manyEvents +
	" for a list, or the attributes stand in headers (ce-specversion, ce-id, ce-source, ce-type)")

func parseCloudEvents(h http.Header, body []byte) ([]cloudEvent, error) {
	media, _, err := mime.ParseMediaType(cmp.Or(h.Get("Content-Type"), "application/octet-stream"))
	if err != nil {
		return nil, fmt.Errorf("the Content-Type is malformed: %w", err)
	}
	switch {
	case media == oneEvent:
		var e cloudEvent
		if err := decode(body, &e); err != nil {
			return nil, fmt.Errorf("the body is no CloudEvent: %w", err)
		}
		return []cloudEvent{e}, nil
	case media == manyEvents:
		var list []cloudEvent
		if err := decode(body, &list); err != nil {
			return nil, fmt.Errorf("the body is no list of CloudEvents: %w", err)
		}
		if len(list) > maxBatch {
			return nil, fmt.Errorf("a list has at most %d events, this one has %d", maxBatch, len(list))
		}
		return list, nil
	case h.Get("Ce-Specversion") != "":
		attr := func(name string) string {
			// The HTTP binding percent-encodes what headers cannot have.
			if v, err := url.PathUnescape(h.Get("Ce-" + name)); err == nil {
				return v
			}
			return h.Get("Ce-" + name)
		}
		return []cloudEvent{{SpecVersion: attr("Specversion"), ID: attr("Id"), Source: attr("Source"), Type: attr("Type"),
			Subject: attr("Subject"), Time: attr("Time"), ContentType: h.Get("Content-Type"), raw: body}}, nil
	}
	return nil, errMediaType
}

// decode reads one JSON value that fills body. Its errors name places, not
// content.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("something follows behind it")
	}
	return nil
}

// tracked makes a CloudEvent the event that plugins get.
func (s *Server) tracked(c *cloudEvent) (abi.Event, error) {
	for _, a := range []struct {
		name, value string
		most        int
	}{{"id", c.ID, maxAttribute}, {"source", c.Source, maxAttribute}, {"type", c.Type, abi.MaxName}, {"subject", c.Subject, maxAttribute}} {
		switch {
		case a.value == "" && a.name != "subject":
			return abi.Event{}, fmt.Errorf("%s is missing", a.name)
		case len(a.value) > a.most:
			return abi.Event{}, fmt.Errorf("%s has %d bytes, at most %d", a.name, len(a.value), a.most)
		case !utf8.ValidString(a.value):
			return abi.Event{}, fmt.Errorf("%s is not UTF-8", a.name)
		}
	}
	if c.SpecVersion != "1.0" {
		return abi.Event{}, fmt.Errorf("specversion is %.20q; this is version 1.0", c.SpecVersion)
	}
	if s.reserved(c.Source) {
		return abi.Event{}, fmt.Errorf("source %q is hearth's own; say where the event comes from, such as https://ci.example.org", c.Source)
	}
	ev := abi.Event{ID: c.ID, Source: c.Source, Kind: abi.CustomTracked, Custom: &abi.Custom{Name: c.Type}}
	if c.Time != "" {
		t, err := time.Parse(time.RFC3339, c.Time)
		if err != nil {
			return abi.Event{}, errors.New("time is not as RFC 3339 has it, such as 2026-01-02T15:04:05Z")
		}
		ev.Time = t.UnixMilli()
	}
	data, isJSON, err := c.data()
	if err != nil {
		return abi.Event{}, err
	}
	ev.Custom.Data = data
	if isJSON {
		ev.Custom.Props = props(data)
	}
	if slices.Contains(s.o.Platforms, abi.Platform(c.Subject)) {
		ev.Member.ID = c.Subject
	} else if c.Subject != "" {
		ev.Custom.Props = append(ev.Custom.Props, abi.Annotation{Name: "subject", Value: c.Subject})
	}
	slices.SortStableFunc(ev.Custom.Props, func(a, b abi.Annotation) int { return strings.Compare(a.Name, b.Name) })
	return ev, nil
}

// reserved says whether events of a source are made by hearth itself: they
// could not be told apart, and the one to come later would be taken for a
// repetition.
func (s *Server) reserved(source string) bool {
	head, _, _ := strings.Cut(source, "/")
	return slices.Contains(s.o.Platforms, source) ||
		slices.Contains([]string{"hearth", "timer", "plugin", "action", "verify", "github", "track"}, head)
}

// data returns the event's data, and whether it is JSON.
func (c *cloudEvent) data() ([]byte, bool, error) {
	media, _, _ := mime.ParseMediaType(cmp.Or(c.ContentType, "application/json"))
	isJSON := media == "application/json" || strings.HasSuffix(media, "+json")
	switch {
	case c.raw != nil:
		if isJSON && !json.Valid(c.raw) {
			return nil, false, errors.New("data is no JSON, though its Content-Type says so")
		}
		return c.raw, isJSON, nil
	case c.Base64 != "" && c.Data != nil:
		return nil, false, errors.New("data and data_base64 exclude each other")
	case c.Base64 != "":
		b, err := base64.StdEncoding.DecodeString(c.Base64)
		if err != nil {
			return nil, false, errors.New("data_base64 is no base64")
		}
		return b, false, nil
	case !isJSON && c.Data != nil:
		var text string
		if err := json.Unmarshal(c.Data, &text); err != nil {
			return nil, false, fmt.Errorf("data of type %.60s is a string, or stands in data_base64", media)
		}
		return []byte(text), false, nil
	}
	return c.Data, c.Data != nil, nil
}

// props are the plain fields of a JSON object: those that a plugin can use
// without taking the data apart.
func props(data []byte) []abi.Annotation {
	var fields map[string]json.RawMessage
	if json.Unmarshal(data, &fields) != nil {
		return nil
	}
	var list []abi.Annotation
	for name, raw := range fields {
		var v any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		if len(name) > abi.MaxName || len(raw) > maxProp || d.Decode(&v) != nil {
			continue
		}
		switch v := v.(type) {
		case string:
			list = append(list, abi.Annotation{Name: name, Value: v})
		case json.Number:
			list = append(list, abi.Annotation{Name: name, Value: v.String()})
		case bool:
			list = append(list, abi.Annotation{Name: name, Value: strconv.FormatBool(v)})
		}
	}
	slices.SortFunc(list, func(a, b abi.Annotation) int { return strings.Compare(a.Name, b.Name) })
	return list[:min(len(list), maxProps)]
}
