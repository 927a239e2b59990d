// Shelf keeps what it is told of in its image, and shows it.
package main

import (
	"errors"

	"github.com/hearthbot/hearth/sdk"
)

type config struct{}

var (
	titles = sdk.CommunityMap[string]("titles")
	kept   map[string]string // made with the image
)

var _ = sdk.New[config]("shelf", "1.0.0").
	Warm(func(v *sdk.View[config]) error {
		kept = map[string]string{}
		for id, title := range titles.All(v) {
			kept[id] = title
		}
		return nil
	}, titles.Prefix()).
	OnPluginEvent("hearth/shelve", func(c *sdk.Ctx[config]) error {
		for _, p := range c.Event.Custom.Props {
			if p.Value == "fire" {
				return errors.New("no fire near the books")
			}
			titles.Set(c, p.Name, p.Value)
		}
		return nil
	}).
	Query("/titles", func(v *sdk.View[config]) error {
		if v.Role() == "" {
			v.Status(403)
		}
		return v.JSON(map[string]any{"kept": kept, "stored": titles.Get(v, v.Param("id"))})
	})

func main() {}
