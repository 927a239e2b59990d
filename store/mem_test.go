package store_test

import (
	"context"
	"testing"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/storetest"
)

func TestMem(t *testing.T) {
	storetest.Run(t, storetest.Backend{
		Open:    func(context.Context, string) (store.Store, error) { return new(store.Mem), nil },
		Forgets: true,
	})
}
