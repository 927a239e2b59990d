package app

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/slack"
	"github.com/hearthbot/hearth/host/chat/webchat"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
	"github.com/hearthbot/hearth/sdk/abi"
)

// connect makes the platforms that the config switches on. They are attached to
// the engine when it runs.
func (a *App) connect(context.Context) (err error) {
	if a.platforms, err = newPlatforms(a.engine, a.makers(), a.o.Config); err != nil {
		return err
	}
	a.registry.MustRegister(newSlackFigures(a.slack))
	return nil
}

// newWebchat makes the web chat that the config describes.
func (a *App) newWebchat(c *config.Config, public string) (chat.Adapter, error) {
	secret := c.Webchat.Secret.Reveal()
	if secret == "" {
		var err error
		if secret, err = keptSecret(filepath.Join(a.data, secretFile)); err != nil {
			return nil, fmt.Errorf("keep the web chat's secret: %w", err)
		}
	}
	w, err := webchat.New(webchat.Options{Store: a.store, Sink: a.gate, Secret: []byte(secret), Community: c.Community.Name,
		Locale: c.Community.Locale, Languages: languages{a}, Channels: c.Webchat.Channels, PublicURL: public, Logger: a.log})
	if err != nil {
		return nil, fmt.Errorf("open the web chat: %w", err)
	}
	return w, nil
}

// languages are kept by the pages, which are there before anybody asks.
type languages struct{ a *App }

func (l languages) Chosen(r *http.Request) string { return l.a.pages.Chosen(r) }

func (l languages) Choose(w http.ResponseWriter, r *http.Request, language string) {
	l.a.pages.Choose(w, r, language)
}

// slack is the adapter that is connected, nil if none is.
func (a *App) slack() *slack.Adapter {
	s, _ := a.platforms.get(slack.Name).(*slack.Adapter)
	return s
}

// manifests are those of the plugins that run.
func (a *App) manifests() []abi.Manifest {
	var out []abi.Manifest
	for _, p := range a.engine.Plugins() {
		out = append(out, p.Manifest)
	}
	return out
}

// NewSlack makes the adapter that the config describes, for the plugins that
// there are. A nil log discards.
func NewSlack(c *config.Config, sink chat.Sink, plugins func() []abi.Manifest, log *slog.Logger) (*slack.Adapter, error) {
	s := c.Slack
	a, err := slack.New(slack.Options{SigningSecret: s.SigningSecret.Reveal(), BotToken: s.BotToken.Reveal(), AppToken: s.AppToken.Reveal(),
		APIURL: s.APIURL, Sink: sink, Locale: c.Community.Locale, Plugins: plugins, Logger: log})
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", config.ErrConfig, c.Where("slack"), err)
	}
	return a, nil
}

// slackFigures shows the counts of the adapter that is connected as metrics.
type slackFigures struct {
	adapter func() *slack.Adapter
	counts  map[string]*prometheus.Desc
}

func newSlackFigures(adapter func() *slack.Adapter) *slackFigures {
	f := &slackFigures{adapter, map[string]*prometheus.Desc{}}
	for name, help := range map[string]string{
		"requests":     "Requests and envelopes of Slack's whose sender was verified.",
		"ignored":      "What Slack sent that is no event to hearth.",
		"refused":      "Requests to Slack's paths that were turned away.",
		"busy":         "Events that Slack was asked to deliver again.",
		"retries":      "Deliveries that Slack said were repeated.",
		"rate_limited": "Times Slack said that it withheld events.",
		"throttled":    "Calls that Slack answered with 429.",
		"sockets":      "Sockets opened.",
	} {
		f.counts[name] = prometheus.NewDesc("hearth_slack_"+name+"_total", help, nil, nil)
	}
	return f
}

func (f *slackFigures) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range f.counts {
		ch <- d
	}
}

func (f *slackFigures) Collect(ch chan<- prometheus.Metric) {
	a := f.adapter()
	if a == nil {
		return
	}
	s := a.Stats()
	for name, n := range map[string]uint64{"requests": s.Received, "ignored": s.Ignored, "refused": s.Refused, "busy": s.Busy,
		"retries": s.Retries, "rate_limited": s.RateLimited, "throttled": s.Throttled, "sockets": s.Sockets} {
		ch <- prometheus.MustNewConstMetric(f.counts[name], prometheus.CounterValue, float64(n))
	}
}
