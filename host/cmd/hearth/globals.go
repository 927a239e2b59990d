package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/app"
	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/config"
)

// globals are the flags that every command has.
type globals struct {
	config, data, server string
}

// load reads the config, with the flags laid over it.
func (g *globals) load() (*config.Config, error) {
	c, err := config.Load(g.config, config.OS())
	if err != nil {
		return nil, err
	}
	if g.data != "" {
		c.Server.Data = g.data
		c.Pin("server.data", "--data")
	}
	return c, nil
}

// client reaches the hearth that runs: the one of --server, else the one that
// uses the data directory, else the one the config would start.
func (g *globals) client() (*client.Client, error) {
	c, err := g.load()
	if err != nil {
		return nil, err
	}
	at := g.server
	if at == "" {
		at = app.ReadURL(c.Server.Data)
	}
	if at == "" {
		at = app.LocalURL(c.Server.Listen)
	}
	at = strings.TrimSuffix(at, "/")
	u, err := url.Parse(at)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &usageError{fmt.Errorf("--server %q is no address; write it like http://127.0.0.1:8080", g.server)}
	}
	token := os.Getenv(app.TokenVariable)
	// The data directory's token is for the hearth that uses it, here or where
	// the config says that it is reached; nobody else is told it.
	if token == "" && (g.server == "" || loopback(u.Hostname()) || at == c.Server.PublicURL) {
		token, err = app.ReadToken(c.Server.Data)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w; run this as the user that runs hearth, or set %s", err, app.TokenVariable)
		}
		// Without a token the server's answer says what to do; perhaps none listens.
	}
	return &client.Client{URL: at, Token: token}, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// printJSON is what --json prints.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

func jsonFlag(cmd *cobra.Command, asJSON *bool) {
	cmd.Flags().BoolVar(asJSON, "json", false, "print JSON, as the API has it")
}

// table prints columns that line up.
func table(w io.Writer, rows func(row func(cells ...string))) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	rows(func(cells ...string) {
		for i := range cells {
			cells[i] = printable(cells[i])
		}
		// Nothing stands behind the last column, so it is not padded.
		fmt.Fprintln(t, strings.Join(cells, "\t"))
	})
	return t.Flush()
}

// printable replaces what would steer a terminal: names and texts come from
// anybody.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '·'
		}
		return r
	}, s)
}
