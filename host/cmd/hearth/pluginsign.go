package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/hearthbot/hearth/host/registry"
)

// passwordVariable has the password of a private key, where nobody can be asked.
const passwordVariable = "HEARTH_KEY_PASSWORD"

// signatureExtension is minisign's.
const signatureExtension = ".minisig"

func newPluginKeygen() *cobra.Command {
	var open bool
	cmd := &cobra.Command{
		Use:   "keygen [NAME]",
		Short: "Make a pair of keys to sign plugins with",
		Long: "Make a pair of keys in minisign's format: NAME.key to sign with, which a password protects, and NAME.pub, which\n" +
			"those who are to trust it put into their config. The password is asked for, or taken from " + passwordVariable + ".",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name := "hearth"
			if len(args) > 0 {
				name = args[0]
			}
			password := ""
			if !open {
				var err error
				if password, err = askPassword(cmd, "password of the new key: ", true); err != nil {
					return err
				}
				if password == "" {
					return &usageError{errors.New("an empty password protects nothing; --no-password makes a key without one")}
				}
			}
			for _, file := range []string{name + ".key", name + ".pub"} {
				if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
					return fmt.Errorf("%s is there already; keys are not overwritten", file)
				}
			}
			stop := waiting(cmd.ErrOrStderr(), "making the key")
			public, private, err := registry.NewKey(password)
			stop()
			if err != nil {
				return err
			}
			if err := writeNew(name+".key", private, 0o600); err != nil {
				return err
			}
			if err := writeNew(name+".pub", public, 0o644); err != nil {
				return err
			}
			key, err := registry.ParseKey(string(public))
			if err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%s.key signs; keep it to yourself\n%s.pub is for those who trust it: %s\n", name, name, key)
			return nil
		},
	}
	cmd.Flags().BoolVar(&open, "no-password", false, "anybody who has the file can sign with it")
	return cmd
}

// writeNew writes a file that must not be there yet.
func writeNew(name string, data []byte, mode fs.FileMode) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

func newPluginSign() *cobra.Command {
	var key, to string
	cmd := &cobra.Command{
		Use:   "sign FILE --key KEY",
		Short: "Sign a plugin's file",
		Long: "Sign a plugin's file with a private key of minisign; `hearth plugin keygen` makes one. The signature is FILE" + signatureExtension + ",\n" +
			"which `hearth plugin push` takes along. The key's password is asked for, or taken from " + passwordVariable + ".",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if key == "" {
				return &usageError{errors.New("--key KEY is missing: the file of the private key")}
			}
			if to == "" {
				to = args[0] + signatureExtension
			}
			code, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			signature, err := signed(cmd, code, filepath.Base(args[0]), key)
			if err != nil {
				return err
			}
			if err := os.WriteFile(to, signature, 0o644); err != nil {
				return err
			}
			fmt.Fprintf(cmd.OutOrStdout(), "signed: %s\n", to)
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "`FILE` of the private key")
	cmd.Flags().StringVarP(&to, "output", "o", "", "write to this `FILE` (default FILE"+signatureExtension+")")
	return cmd
}

// signed is the signature of code, which is called name.
func signed(cmd *cobra.Command, code []byte, name, keyFile string) ([]byte, error) {
	private, err := os.ReadFile(keyFile)
	if err != nil {
		return nil, err
	}
	password := ""
	if registry.Locked(private) {
		if password, err = askPassword(cmd, "password of "+keyFile+": ", false); err != nil {
			return nil, err
		}
	}
	comment := fmt.Sprintf("timestamp:%d\tfile:%s\tsha256:%x", time.Now().Unix(), name, sha256.Sum256(code))
	stop := waiting(cmd.ErrOrStderr(), "signing")
	defer stop()
	return registry.Sign(code, private, password, comment)
}

// askPassword takes the password from the environment, else from a person, who
// does not see it; twice if it is new.
func askPassword(cmd *cobra.Command, prompt string, fresh bool) (string, error) {
	if p, ok := os.LookupEnv(passwordVariable); ok {
		return p, nil
	}
	in, ok := cmd.InOrStdin().(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", fmt.Errorf("the key's password is needed, and nobody can be asked for it: set %s", passwordVariable)
	}
	ask := func(prompt string) (string, error) {
		fmt.Fprint(cmd.ErrOrStderr(), prompt)
		defer fmt.Fprintln(cmd.ErrOrStderr())
		return readHidden(cmd.Context(), int(in.Fd()))
	}
	password, err := ask(prompt)
	if err != nil || !fresh {
		return password, err
	}
	again, err := ask("once more: ")
	if err == nil && again != password {
		err = errors.New("the two are not the same; nothing was made")
	}
	return password, err
}

// readHidden reads a line that the terminal does not show. It ends with ctx, and
// leaves the terminal as it was.
func readHidden(ctx context.Context, fd int) (string, error) {
	before, err := term.GetState(fd)
	if err != nil {
		return "", err
	}
	type answer struct {
		text []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() { // ends with a line, or with the process
		text, err := term.ReadPassword(fd)
		read <- answer{text, err}
	}()
	select {
	case a := <-read:
		return strings.TrimRight(string(a.text), "\r\n"), a.err
	case <-ctx.Done():
		return "", errors.Join(ctx.Err(), term.Restore(fd, before))
	}
}
