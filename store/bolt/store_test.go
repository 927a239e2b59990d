package bolt_test

import (
	"context"
	"testing"

	"github.com/hearthbot/hearth/store"
	"github.com/hearthbot/hearth/store/bolt"
	"github.com/hearthbot/hearth/store/storetest"
)

var backend = storetest.Backend{
	Open: func(ctx context.Context, dir string) (store.Store, error) {
		return bolt.Open(ctx, dir, bolt.Options{})
	},
}

func TestStore(t *testing.T) { storetest.Run(t, backend) }

func TestCrash(t *testing.T) { storetest.Crash(t, backend) }

func TestMain(m *testing.M) { storetest.Main(m, backend) }
