package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"encoding/hex"

	"github.com/hearthbot/hearth/store"
)

// Code is code that is in the store.
type Code struct {
	SHA256 string
	Rev    store.Rev // of the row that names its chunks
}

// PutCode brings code into the store under its SHA-256, unless it is there.
// Until a version's row leads to it, a sweep may take it away again: then the
// commit of that row is a conflict, and both are to be done anew.
func PutCode(ctx context.Context, s store.Store, sha string, code []byte) (Code, error) {
	if !SHA(sha) {
		return Code{}, fmt.Errorf("%w: %q is no SHA-256", ErrInvalid, sha)
	}
	if len(code) > MaxCode {
		return Code{}, fmt.Errorf("%w: %d bytes of code, at most %d", ErrTooLarge, len(code), MaxCode)
	}
	for {
		c, err := codeNow(ctx, s, sha)
		if err != nil || c.Rev != 0 {
			return c, err
		}
		blob, err := store.PutBlob(ctx, s, kBlob.Join(sha), bytes.NewReader(code))
		if errors.Is(err, store.ErrConflict) {
			continue // another brought the same, or a sweep took a chunk
		}
		if err != nil {
			return Code{}, fmt.Errorf("registry: code %.12s: %w", sha, err)
		}
		if got := hex.EncodeToString(blob.SHA256[:]); got != sha {
			err := store.DeleteBlob(ctx, s, kBlob.Join(sha))
			return Code{}, errors.Join(fmt.Errorf("%w: the code's SHA-256 is %s and not %s", ErrInvalid, got, sha), err)
		}
		return Code{sha, blob.Rev}, nil
	}
}

func codeNow(ctx context.Context, s store.Store, sha string) (Code, error) {
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return Code{}, fmt.Errorf("registry: code %.12s: %w", sha, err)
	}
	defer snap.Close()
	row, err := snap.Get(ctx, kBlob.Join(sha))
	if err != nil {
		return Code{}, fmt.Errorf("registry: code %.12s: %w", sha, err)
	}
	return Code{sha, row.Rev}, nil
}

// ReadCode returns the code of that name, whose SHA-256 it has looked at again.
// It returns ErrUnknown if there is none, and store.ErrCorrupt if it is not what
// was put.
func ReadCode(ctx context.Context, snap store.Snapshot, sha string) ([]byte, error) {
	blob, r, err := store.GetBlob(ctx, snap, kBlob.Join(sha))
	if errors.Is(err, store.ErrNoBlob) {
		return nil, fmt.Errorf("%w: its code %.12s is not in the store", ErrUnknown, sha)
	}
	if err != nil {
		return nil, fmt.Errorf("registry: code %.12s: %w", sha, err)
	}
	if hex.EncodeToString(blob.SHA256[:]) != sha {
		return nil, fmt.Errorf("registry: code %.12s: %w: its row is of other code", sha, store.ErrCorrupt)
	}
	var code bytes.Buffer
	code.Grow(int(blob.Size) + bytes.MinRead)
	if _, err := io.Copy(&code, r); err != nil {
		return nil, fmt.Errorf("registry: code %.12s: %w", sha, err)
	}
	return code.Bytes(), nil
}

// Sweep removes code that no version leads to, and what crashes have left of
// code that was on its way. It returns how many rows that were. An upload that
// is under way may lose what it has brought so far, and does that again.
func Sweep(ctx context.Context, s store.Store) (swept int, err error) {
	if swept, err = store.SweepBlobs(ctx, s, kBlob.Prefix()); err != nil {
		return swept, fmt.Errorf("registry: %w", err)
	}
	snap, err := s.Snapshot(ctx)
	if err != nil {
		return swept, fmt.Errorf("registry: sweep: %w", err)
	}
	defer snap.Close()
	led := map[string]bool{}
	for row, err := range snap.Scan(ctx, store.Prefix(kVersion.Prefix())) {
		if err != nil {
			return swept, fmt.Errorf("registry: sweep: %w", err)
		}
		s := row.Key.Segments()
		led[s[len(s)-1]] = true
	}
	codes, err := names(ctx, snap)
	if err != nil {
		return swept, fmt.Errorf("registry: sweep: %w", err)
	}
	for _, sha := range codes {
		if led[sha] {
			continue
		}
		n, err := sweepOne(ctx, s, snap, sha)
		swept += n
		if err != nil {
			return swept, fmt.Errorf("registry: sweep: %w", err)
		}
	}
	return swept, nil
}

// names are the SHA-256 of all code. It steps over the chunks, which are large.
func names(ctx context.Context, snap store.Snapshot) ([]string, error) {
	var out []string
	span := store.Prefix(kBlob.Prefix())
	span.Limit = 1
	for {
		found := false
		for row, err := range snap.Scan(ctx, span) {
			if err != nil {
				return nil, err
			}
			found = true
			s := row.Key.Segments()
			key := kBlob.Join(s[1])
			span.From = store.Prefix(key.Prefix()).To
			if len(s) == 2 {
				out = append(out, s[1])
			}
		}
		if !found {
			return out, nil
		}
	}
}

// sweepOne removes the code of that name, if no version has come to lead to it.
func sweepOne(ctx context.Context, s store.Store, snap store.Snapshot, sha string) (int, error) {
	b := new(store.Batch)
	key := kBlob.Join(sha)
	row, err := snap.Get(ctx, key)
	if err != nil || !row.Exists() {
		return 0, err
	}
	b.Check(key, row.Rev)
	b.CheckRange(store.Prefix(kVersion.Prefix()), snap.Rev())
	b.Delete(key)
	span := store.Prefix(key.Prefix())
	span.Limit = store.MaxOps - 1
	for chunk, err := range snap.Scan(ctx, span) {
		if err != nil {
			return 0, err
		}
		b.Delete(chunk.Key)
	}
	n := len(b.Writes())
	switch _, err := s.Commit(ctx, b); {
	case errors.Is(err, store.ErrConflict):
		return 0, nil // the next sweep looks again
	case err != nil:
		return 0, err
	}
	return n, nil
}
