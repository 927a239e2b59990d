package kit

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// scaffold is a plugin of this module, so that it is compiled and tested with
// it. Its name and its command are "scaffold".
//
//go:embed scaffold
var scaffold embed.FS

// ErrName says that a name is none for a plugin.
var ErrName = errors.New("a plugin's name has 1 to 32 lower-case letters, digits and hyphens, and begins with a letter")

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// New makes a plugin of that name in dir, with the SDK beside it. dir may be
// there, if it is empty. What was made is taken back if anything fails.
func New(sdk fs.FS, dir, name string) (err error) {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%q: %w", name, ErrName)
	}
	entries, err := os.ReadDir(dir)
	there := err == nil
	switch {
	case there && len(entries) > 0:
		return fmt.Errorf("%s is not empty; choose a new directory, or empty it", dir)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil && !there {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	mod, err := pluginMod(sdk, name)
	if err != nil {
		return err
	}
	files, err := scaffoldFiles(name)
	if err != nil {
		return err
	}
	files["go.mod"] = mod
	for file, data := range files {
		to := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(to, data, 0o644); err != nil {
			return err
		}
	}
	return Unpack(sdk, dir)
}

func scaffoldFiles(name string) (map[string][]byte, error) {
	// Not every platform has commands with hyphens.
	command := strings.ReplaceAll(name, "-", "")
	names := strings.NewReplacer(
		`OnCommand("scaffold"`, `OnCommand("`+command+`"`,
		"command.scaffold", "command."+command,
		"/scaffold", "/"+command,
		"Scaffold greets", strings.ToUpper(name[:1])+name[1:]+" greets",
		"scaffold", name)
	files := map[string][]byte{
		".gitignore": []byte("*.wasm\n"),
		"README.md":  []byte(names.Replace(pluginReadme)),
	}
	err := fs.WalkDir(scaffold, "scaffold", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := scaffold.ReadFile(file)
		files[strings.TrimPrefix(file, "scaffold/")] = []byte(names.Replace(string(data)))
		return err
	})
	return files, err
}

const pluginReadme = `# scaffold

    hearth plugin test            the tests, and the transcripts once more in the real sandbox
    hearth plugin run             a hearth of your own with the plugin in it; it is loaded anew when you save
    hearth plugin bench           what each event of the transcripts costs
    hearth plugin build           scaffold.wasm
    hearth plugin push --promote  into the hearth that runs

    main.go              what the plugin answers to, and how
    messages/*.json      all that members read, in every language
    testdata/*.txtar     transcripts; go test -update writes what the plugin does
    sdk/                 the SDK, as it came with hearth: leave it as it is
`

// pluginMod is the go.mod of a plugin, as the SDK's own asks for.
func pluginMod(sdk fs.FS, name string) ([]byte, error) {
	own, err := fs.ReadFile(sdk, modules[0].dir+"/go.mod")
	if err != nil {
		return nil, fmt.Errorf("read the SDK that is built in: %w", err)
	}
	sources, goVersion := map[string]Source{}, ""
	for line := range bytes.Lines(own) {
		words := strings.Fields(string(line))
		switch {
		case len(words) >= 3 && words[0] == "require":
			sources[words[1]] = Source{Version: words[2]}
		case len(words) == 2 && words[0] == "go":
			goVersion = words[1]
		}
	}
	return goMod(name, goVersion, sources, modules[:], true), nil
}
