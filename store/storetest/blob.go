package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/hearthbot/hearth/store"
)

const blobs = store.Key("blob/")

func noise(n int) []byte {
	b := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(b)
	return b
}

// getBlob reads the blob under k as it is now.
func getBlob(t testing.TB, s store.Store, k store.Key) ([]byte, error) {
	t.Helper()
	snap := snapshot(t, s)
	defer snap.Close()
	info, r, err := store.GetBlob(context.Background(), snap, k)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(r)
	if err == nil && (info.Size != int64(len(data)) || info.SHA256 != sha256.Sum256(data) || info.Rev == 0) {
		t.Errorf("blob %q of %d bytes is described as %+v", k, len(data), info)
	}
	return data, err
}

func putBlob(t testing.TB, s store.Store, k store.Key, data []byte) {
	t.Helper()
	if _, err := store.PutBlob(context.Background(), s, k, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
}

// blobRows is how many rows blobs take.
func blobRows(t testing.TB, s store.Store) int {
	t.Helper()
	snap := snapshot(t, s)
	defer snap.Close()
	all, err := rows(snap, store.Prefix(blobs))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func testBlobs(t *testing.T, b Backend) {
	s := b.open(t)
	const chunk = 512 << 10
	k := blobs + "k"
	if _, err := getBlob(t, s, k); !errors.Is(err, store.ErrNoBlob) {
		t.Errorf("a blob that is not there: %v", err)
	}
	if err := store.DeleteBlob(t.Context(), s, k); err != nil {
		t.Errorf("delete a blob that is not there: %v", err)
	}
	for _, size := range []int{0, 1, chunk - 1, chunk, chunk + 1, 3*chunk + 5} {
		data := noise(size)
		putBlob(t, s, k, data)
		got, err := getBlob(t, s, k)
		if err != nil || !bytes.Equal(got, data) {
			t.Errorf("a blob of %d bytes has %d when read, %v", size, len(got), err)
		}
		// The chunks of the one before are gone.
		if n, want := blobRows(t, s), 1+(size+chunk-1)/chunk; n != want {
			t.Errorf("a blob of %d bytes takes %d rows, want %d", size, n, want)
		}
	}

	// A snapshot goes on reading what has been replaced.
	snap := snapshot(t, s)
	defer snap.Close()
	_, r, err := store.GetBlob(t.Context(), snap, k)
	if err != nil {
		t.Fatal(err)
	}
	putBlob(t, s, k, noise(10))
	if got, err := io.ReadAll(iotest.OneByteReader(io.LimitReader(r, 1000))); err != nil || !bytes.Equal(got, noise(3*chunk + 5)[:1000]) {
		t.Errorf("the replaced blob reads %d bytes, %v", len(got), err)
	}
	if err := store.DeleteBlob(t.Context(), s, k); err != nil {
		t.Error(err)
	}
	if n := blobRows(t, s); n != 0 {
		t.Errorf("a deleted blob leaves %d rows", n)
	}
	if rest, err := io.ReadAll(r); err != nil || len(rest) != 3*chunk+5-1000 {
		t.Errorf("the deleted blob reads %d bytes more, %v", len(rest), err)
	}

	t.Run("bounds", func(t *testing.T) {
		if testing.Short() {
			t.Skip("writes 64 MiB")
		}
		largest := io.LimitReader(zeros{}, store.MaxBlob)
		if _, err := store.PutBlob(t.Context(), s, k, largest); err != nil {
			t.Fatal(err)
		}
		if _, err := store.PutBlob(t.Context(), s, k, io.LimitReader(zeros{}, store.MaxBlob)); err != nil {
			t.Fatalf("replace the largest by the largest: %v", err)
		}
		if _, err := store.PutBlob(t.Context(), s, k, io.LimitReader(zeros{}, store.MaxBlob+1)); !errors.Is(err, store.ErrTooLarge) {
			t.Errorf("a blob beyond bounds: %v", err)
		}
		if got, err := getBlob(t, s, k); err != nil || len(got) != store.MaxBlob {
			t.Errorf("the largest blob reads %d bytes, %v", len(got), err)
		}
		if n, want := blobRows(t, s), 1+store.MaxBlob/chunk; n != want {
			t.Errorf("%d rows, want %d: one refused leaves none", n, want)
		}
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func testBlobOrphans(t *testing.T, b Backend) {
	s := b.open(t)
	kept := noise(600 << 10)
	putBlob(t, s, blobs+"a", kept)
	putBlob(t, s, blobs+"c", kept)
	before := dump(t, s, store.Prefix(blobs))

	// A reader that fails, and a context that ends on the way, leave nothing.
	broken := errors.New("broken")
	fails := io.MultiReader(bytes.NewReader(noise(700<<10)), iotest.ErrReader(broken))
	if _, err := store.PutBlob(t.Context(), s, blobs+"a", fails); !errors.Is(err, broken) {
		t.Errorf("a reader that fails: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ends := io.MultiReader(bytes.NewReader(noise(700<<10)), readerFunc(func([]byte) (int, error) {
		cancel()
		return 0, io.EOF
	}))
	if _, err := store.PutBlob(ctx, s, blobs+"b", ends); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that ends: %v", err)
	}
	// Of two that put at once, one wins, and the other leaves nothing either.
	late := readerFunc(func([]byte) (int, error) {
		putBlob(t, s, blobs+"d", []byte("first"))
		return 0, io.EOF
	})
	if _, err := store.PutBlob(t.Context(), s, blobs+"d", io.MultiReader(bytes.NewReader(kept), late)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the later of two: %v", err)
	}
	if got, err := getBlob(t, s, blobs+"d"); err != nil || string(got) != "first" {
		t.Errorf("the first of two reads %q, %v", got, err)
	}
	if err := store.DeleteBlob(t.Context(), s, blobs+"d"); err != nil {
		t.Error(err)
	}
	if after := dump(t, s, store.Prefix(blobs)); after != before {
		t.Error("blobs that failed left rows")
	}

	// What a crash leaves is a set of chunks that no row names.
	commit(t, s, put(blobs+"a/~/OLD/0000000000000000", "x"), put(blobs+"a/~/OLD/0000000000000001", "x"))
	commit(t, s, put(blobs+"b/~/OLD/0000000000000000", "x"))
	commit(t, s, put(blobs+"x/y/~/OLD/0000000000000000", "x"))
	if n, err := store.SweepBlobs(t.Context(), s, blobs); n != 4 || err != nil {
		t.Errorf("swept %d, %v; want 4", n, err)
	}
	if after := dump(t, s, store.Prefix(blobs)); after != before {
		t.Error("the sweep did not leave what it ought to")
	}
	if n, err := store.SweepBlobs(t.Context(), s, blobs); n != 0 || err != nil {
		t.Errorf("swept %d more, %v", n, err)
	}

	// A chunk that is not what was put is found.
	snap := snapshot(t, s)
	all, err := rows(snap, store.Range{From: blobs + "a/~/", Limit: 1})
	snap.Close()
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	other := bytes.Clone(all[0].Value)
	other[77] ^= 1
	for _, value := range []string{string(other), string(other[1:]), ""} {
		commit(t, s, put(all[0].Key, value))
		if _, err := getBlob(t, s, blobs+"a"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("a changed chunk: %v", err)
		}
	}
	commit(t, s, del(all[0].Key))
	if _, err := getBlob(t, s, blobs+"a"); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("a missing chunk: %v", err)
	}
	commit(t, s, put(blobs+"a", "not a blob"))
	if _, err := getBlob(t, s, blobs+"a"); !errors.Is(err, store.ErrFormat) {
		t.Errorf("a row that is no blob: %v", err)
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
