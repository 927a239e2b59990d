package known

import (
	"bytes"
	"encoding/xml"
	"errors"
	"net/http"
	"time"

	"github.com/hearthbot/hearth/web"
	"github.com/hearthbot/hearth/web/page"
)

// The feed is RSS 2.0 (https://www.rssboard.org/rss-specification).
type rss struct {
	XMLName xml.Name `xml:"rss"`
	Version string   `xml:"version,attr"`
	Channel channel  `xml:"channel"`
}

type channel struct {
	Title         string     `xml:"title"`
	Link          string     `xml:"link"`
	Description   string     `xml:"description"`
	LastBuildDate string     `xml:"lastBuildDate,omitempty"`
	TTL           int        `xml:"ttl"`
	Items         []feedItem `xml:"item"`
}

type feedItem struct {
	Title       string `xml:"title"`
	Link        string `xml:"link"`
	Description string `xml:"description,omitempty"` // HTML, escaped once more by the XML
	GUID        guid   `xml:"guid"`
	PubDate     string `xml:"pubDate"`
}

type guid struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	Value     string `xml:",chardata"`
}

// feed is the topics that changed last, as who is not signed in may see them,
// whoever asks: feed readers hand on what they get.
func (p *pages) feed(w http.ResponseWriter, r *page.Request) error {
	l := p.Texts(r)
	got, err := p.o.Knowledge.Topics(r.Context(), web.KnowledgeFilter{Limit: perPage})
	if errors.Is(err, web.ErrNotFound) {
		got, err = new(web.KnowledgePage), nil
	}
	if err != nil {
		return err
	}
	at := p.o.URL()
	out := rss{Version: "2.0", Channel: channel{Title: page.Printable(p.o.Community()), Link: at + "/knowledge", Description: l.Say("feed"), TTL: 60}}
	for i := range got.Topics {
		t := &got.Topics[i]
		item := feedItem{Title: page.Printable(t.Title), Link: at + path(t.ID), PubDate: time.UnixMilli(t.Updated).UTC().Format(time.RFC1123Z)}
		item.GUID = guid{true, item.Link}
		if a := t.Answer; a != nil {
			item.Description = string(page.Markdown(page.Printable(a.Text)))
			if a.Author != "" {
				item.Description += "<p>— " + xmlText(page.Printable(a.Author)) + "</p>"
			}
		}
		out.Channel.Items = append(out.Channel.Items, item)
	}
	if len(out.Channel.Items) > 0 {
		out.Channel.LastBuildDate = out.Channel.Items[0].PubDate
	}
	b := bytes.NewBufferString(xml.Header)
	if err := xml.NewEncoder(b).Encode(out); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/rss+xml; charset=utf-8")
	_, _ = w.Write(b.Bytes()) // an error says that the reader has gone
	return nil
}

func xmlText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return b.String()
}
