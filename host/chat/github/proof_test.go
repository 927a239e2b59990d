package github_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/hearthbot/hearth/host/chat"
	"github.com/hearthbot/hearth/host/chat/chattest"
	"github.com/hearthbot/hearth/host/chat/github"
)

func TestShows(t *testing.T) {
	const code = "hearth-abcde-fghij"
	gist := func(id string, d chattest.GistData) chattest.GistData { d.ID = id; return d }
	for _, c := range []struct {
		name  string
		user  chattest.UserData
		api   *chattest.GitHub
		token string
		want  bool
		err   error
		asked int
	}{
		{"in the bio", chattest.UserData{Login: "Ada", Bio: "I like Go. " + code}, nil, "", true, nil, 1},
		{"nowhere", chattest.UserData{Login: "ada", Bio: "I like Go.", Gists: []chattest.GistData{gist("g1", chattest.GistData{Files: map[string]string{"a.go": "package a"}})}}, nil, "", false, nil, 3},
		{"as a gist's description", chattest.UserData{Login: "ada", Gists: []chattest.GistData{gist("g1", chattest.GistData{Description: code})}}, nil, "", true, nil, 2},
		{"in a gist", chattest.UserData{Login: "ada", Gists: []chattest.GistData{gist("g1", chattest.GistData{}), gist("g2", chattest.GistData{Files: map[string]string{"x": "\n" + code + "\n"}})}}, nil, "", true, nil, 4},
		{"in a secret gist", chattest.UserData{Login: "ada", Gists: []chattest.GistData{gist("g1", chattest.GistData{Description: code, Secret: true})}}, nil, "", false, nil, 2},
		{"another code", chattest.UserData{Login: "ada", Bio: "hearth-zzzzz-zzzzz"}, nil, "", false, nil, 2},
		{"no such account", chattest.UserData{Login: "eve", Bio: code}, nil, "", false, github.ErrAccount, 1},
		{"an organisation", chattest.UserData{Login: "ada", Type: "Organization", Bio: code}, nil, "", false, github.ErrAccount, 1},
		{"asked too often", chattest.UserData{Login: "ada", Bio: code}, &chattest.GitHub{Slow: map[int]time.Duration{1: time.Minute}}, "", false, chat.ErrBusy, 1},
		{"the wrong token", chattest.UserData{Login: "ada", Bio: code}, &chattest.GitHub{Token: "right"}, "wrong", false, github.ErrToken, 1},
		{"the right token", chattest.UserData{Login: "ada", Bio: code}, &chattest.GitHub{Token: "right"}, "right", true, nil, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			api := c.api
			if api == nil {
				api = &chattest.GitHub{}
			}
			api.SetUser(c.user)
			server := api.Serve()
			defer server.Close()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			s := source(t, &chattest.Sink{}, func(o *github.Options) { o.APIURL, o.HTTP, o.Token = server.URL, client, c.token })
			got, err := s.Shows(t.Context(), "ada", code)
			if got != c.want || !errors.Is(err, c.err) || (err != nil) != (c.err != nil) {
				t.Errorf("Shows: %v, %v; want %v, %v", got, err, c.want, c.err)
			}
			if asked, _ := api.Asked(); len(asked) != c.asked {
				t.Errorf("GitHub was asked %d times, want %d", len(asked), c.asked)
			}
		})
	}
}
