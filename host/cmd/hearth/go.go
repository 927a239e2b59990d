package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/hearthbot/hearth/host/cmd/hearth/client"
	"github.com/hearthbot/hearth/host/cmd/hearth/gocmd"
	"github.com/hearthbot/hearth/web"
)

// goCommand is `hearth go …`. All but login and logout is the go command's own,
// flags too, so no other command's ways with flags and signals apply to it.
func goCommand(args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 && (args[0] == "login" || args[0] == "logout") {
		file, err := gocmd.File()
		if err == nil {
			err = goLogin(args, file, stdout)
		}
		if err != nil {
			fmt.Fprintln(stderr, "hearth:", err)
			if u := (*usageError)(nil); errors.As(err, &u) {
				return 2
			}
			return 1
		}
		return 0
	}
	c := gocmd.Command{Args: args, Stdin: os.Stdin, Stdout: stdout, Stderr: stderr, Teller: teller{}}
	return c.Run()
}

// goLogin logs a member in or out, or says who is logged in.
func goLogin(args []string, file string, stdout io.Writer) error {
	ctx := context.Background()
	switch {
	case args[0] == "logout" && len(args) == 1:
		l, err := gocmd.Load(file)
		if errors.Is(err, gocmd.ErrNone) {
			return gocmd.Delete(file)
		}
		if err == nil && !l.Ended {
			c := client.Client{URL: l.Server, Token: l.Token}
			if err := c.SignOutMember(ctx); err != nil {
				fmt.Fprintf(stdout, "the server was not told (%s); the token ends by itself on %s\n", printable(err.Error()), l.Expires.Format(time.DateOnly))
			}
		}
		if err := gocmd.Delete(file); err != nil {
			return err
		}
		fmt.Fprintln(stdout, "logged out: hearth is told nothing any more")
		return nil
	case args[0] == "login" && len(args) == 1:
		l, err := gocmd.Load(file)
		if err != nil {
			return err
		}
		fmt.Fprintf(stdout, "%s, at %s, until %s\n", printable(l.Member), printable(l.Server), l.Expires.Format(time.DateOnly))
		if len(l.Told) > 0 {
			fmt.Fprintln(stdout, "told:", printable(strings.Join(l.Told, ", ")))
		}
		if l.Problem != "" {
			fmt.Fprintln(stdout, "the last time something was to be told:", printable(l.Problem))
		}
		return nil
	case args[0] == "login" && len(args) == 3:
		return goSignIn(ctx, strings.TrimSuffix(args[1], "/"), args[2], file, stdout)
	}
	return &usageError{errors.New("write `hearth go login URL CODE`, as the bot has it when you say `link go`; `hearth go login` says who is logged in, `hearth go logout` ends it")}
}

func goSignIn(ctx context.Context, server, code, file string, stdout io.Writer) error {
	u, err := url.Parse(server)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return &usageError{fmt.Errorf("%q is no address; write it as the bot did, like https://hearth.example.org", server)}
	}
	c := client.Client{URL: server}
	t, err := c.SignInMember(ctx, code)
	if err != nil {
		return err
	}
	l := gocmd.Login{Server: server, Member: t.Member, Token: t.Token, Expires: t.Expires}
	if err := l.Save(file); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "logged in as %s: from now on `hearth go run main.go` and the like tell %s three things, once each:\n"+
		"that you ran a program, that you made a module, that a package was not found. Nothing of your code.\n", printable(t.Member), u.Host)
	return nil
}

// teller tells a server what a member did, by their own token.
type teller struct{}

func (teller) Tell(ctx context.Context, l *gocmd.Login, t gocmd.Told) error {
	c := client.Client{URL: l.Server, Token: l.Token}
	_, err := c.Track(ctx, web.Track{Name: t.Name, Props: t.Props, Time: time.Now().UTC().Format(time.RFC3339), ID: t.Name})
	if errors.Is(err, client.ErrToken) {
		return fmt.Errorf("%w: say `link go` to the bot once more", gocmd.ErrEnded)
	}
	return err
}

// newGo is there for the help; the command is carried out before flags are looked
// at.
func newGo() *cobra.Command {
	return &cobra.Command{
		Use:   "go …",
		Short: "Run the go command, and let your community know of your first steps",
		Long: "What stands behind `hearth go` is given to the go command as it is; output, exit code and signals are go's own.\n" +
			"After `hearth go login` it is told once each that you ran a program, made a module, or lacked a package\n" +
			"(with go's version and the system; nothing of your code).\n\n" +
			"  hearth go login URL CODE   as the community's bot has it, when you say `link go` to it\n" +
			"  hearth go login            who is logged in\n" +
			"  hearth go logout           end it\n" +
			"  hearth go run main.go      what `go run main.go` does",
		DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error {
			return &usageError{errors.New("`go` is to come first: hearth go …, with no flags before it")}
		},
	}
}
