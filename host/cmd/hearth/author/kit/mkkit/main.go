// Mkkit packs the SDK for the binary:
//
//	go run ./host/cmd/hearth/author/kit/mkkit -o host/cmd/hearth/dist/sdk.zip
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/hearthbot/hearth/host/cmd/hearth/author/kit"
)

func main() {
	root := flag.String("C", ".", "directory of hearth's module")
	to := flag.String("o", "host/cmd/hearth/dist/"+kit.Archive, "the archive")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *root, *to); err != nil {
		fmt.Fprintln(os.Stderr, "mkkit:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, root, to string) error {
	files, err := kit.Pack(ctx, root)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := kit.Write(&b, files); err != nil {
		return err
	}
	fresh := to + ".new"
	if err := os.WriteFile(fresh, b.Bytes(), 0o644); err != nil {
		return err
	}
	return os.Rename(fresh, to)
}
