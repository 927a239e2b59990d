package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// examples are lines to try, for the help of commands whose words say it all.
var examples = map[string]string{
	"status":        "hearth status\nhearth status --server https://hearth.example.org --json",
	"events show":   "hearth events show 0d234ccf52430000",
	"events failed": "hearth events failed --plugin welcome",
	"events retry":  "hearth events retry 0d234ccf52430000 welcome",

	"plugin build":    "hearth plugin build\nhearth plugin build hello -o hello.wasm",
	"plugin test":     "hearth plugin test\nhearth plugin test hello --json",
	"plugin run":      "hearth plugin run\nhearth plugin run hello --listen 127.0.0.1:8090",
	"plugin bench":    "hearth plugin bench --time 5s",
	"plugin sdk":      "hearth plugin sdk",
	"plugin keygen":   "hearth plugin keygen mine",
	"plugin sign":     "hearth plugin sign hello.wasm --key mine.key",
	"plugin list":     "hearth plugin list",
	"plugin show":     "hearth plugin show welcome",
	"plugin push":     "hearth plugin push --promote --grant\nhearth plugin push hello.wasm --why \"greets in the evening, too\"",
	"plugin promote":  "hearth plugin promote welcome\nhearth plugin promote welcome 3f2a9c01 --gate --gate-p95 100ms",
	"plugin rollback": "hearth plugin rollback welcome --why \"it greets twice\"",
	"plugin disable":  "hearth plugin disable nudges --why \"over the holidays\"",
	"plugin enable":   "hearth plugin enable nudges",
	"plugin remove":   "hearth plugin remove welcome 3f2a9c01",
	"plugin logs":     "hearth plugin logs welcome",

	"pause":             "hearth pause",
	"resume":            "hearth resume",
	"admin token reset": "hearth admin token reset --data /var/lib/hearth",
	"slack manifest":    "hearth slack manifest --socket > manifest.json",
	"doctor":            "hearth doctor\nhearth doctor --config /etc/hearth.toml --json",

	"tasks check": "hearth tasks check path/\nhearth tasks check path.zip --json",
	"tasks load":  "hearth tasks load path.zip",
	"tasks save":  "hearth tasks save path.zip",

	"analytics rebuild":  "hearth analytics rebuild",
	"analytics backfill": "hearth analytics backfill golang/go",
	"export knowledge":   "hearth export knowledge docs/",
	"config show":        "hearth config show",
	"config export":      "hearth config export > settings.toml",
	"config import":      "hearth config import settings.toml --dry-run",
	"version":            "hearth version --json",
	"serve":              "hearth serve\nhearth serve --config hearth.toml --data /var/lib/hearth --listen 127.0.0.1:8080",
	"events":             "hearth events --follow\nhearth events --kind member.joined --limit 5",
	"dev simulate":       "hearth dev simulate --members 5000 --days 60 --seed 1",
	"go":                 "hearth go login https://hearth.example.org CODE\nhearth go run main.go",
}

// exemplify gives each command below cmd its example, unless it has one.
func exemplify(cmd *cobra.Command) {
	_, path, _ := strings.Cut(cmd.CommandPath(), " ")
	if text, ok := examples[path]; ok && cmd.Example == "" {
		cmd.Example = "  " + strings.ReplaceAll(text, "\n", "\n  ")
	}
	for _, c := range cmd.Commands() {
		exemplify(c)
	}
}
