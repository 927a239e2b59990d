// Package tasks is the pack that hearth comes with: 72 hours from "Hello, world"
// to profiling. Package pack says how its files are written.
package tasks

import "embed"

// FS is the pack.
//
//go:embed path.txt stages.*.json */*.md */*.txtar
var FS embed.FS
