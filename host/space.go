package host

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/store"
)

// A plugin's rows lie in a space: under state/SPACE/. The first space of a plugin
// has its name; each migration to another state version fills a new one, NAME@2,
// NAME@3 and so on, and no name comes twice. The row space/PLUGIN says which one
// holds, and of which state version its rows are; as long as there is none that
// is the plugin's name and state version 1. It changes in the batch that makes
// the version live which reads those rows, so they never differ.

// space is where the rows of a plugin lie, as its work sees it. It is never
// changed but replaced whole.
type space struct {
	name  string
	state int
}

// errMoved says that a version met rows of another state version than its own:
// they were moved since it was chosen.
var errMoved = errors.New("the plugin's rows have been moved")

// serves says where v finds the plugin's rows. It returns errMoved if it could
// not read them. Whoever asks holds p.alone, or has a snapshot already.
func (p *plugin) serves(v *version) (string, error) {
	if s := p.space.Load(); s.state == v.manifest.State() {
		return s.name, nil
	}
	return "", errMoved
}

// held is a moment in which no work of a plugin begins.
type held struct{ over chan struct{} }

// pass waits while the plugin's work is held.
func (p *plugin) pass(ctx context.Context) {
	for h := p.hold.Load(); h != nil; h = p.hold.Load() {
		select {
		case <-h.over:
		case <-ctx.Done():
			return
		}
	}
}

// pluginOf is whose a space is.
func pluginOf(space string) string {
	name, _, _ := strings.Cut(space, "@")
	return name
}

// cutState takes the key of a row of some plugin's apart: its space, and the
// plugin's own key.
func cutState(k store.Key) (space, own string) {
	space, own, _ = strings.Cut(strings.TrimPrefix(string(k), string(kState.Prefix())), "/")
	return space, own
}

// spaceOf reads where the rows of a plugin are, and the revision of that.
func spaceOf(ctx context.Context, snap store.Snapshot, plugin string) (spaceRow, store.Rev, error) {
	s := spaceRow{Space: plugin, State: 1, Count: 1}
	row, err := snap.Get(ctx, kSpace.Join(plugin))
	if err == nil && row.Exists() {
		s = spaceRow{}
		_, err = s.UnmarshalMsg(row.Value)
	}
	if err != nil {
		return s, 0, fmt.Errorf("reading where the rows of %s are: %w", plugin, err)
	}
	return s, row.Rev, nil
}

// putSpace adds to b that a plugin's rows are where s says, if that is still at
// rev.
func putSpace(b *store.Batch, plugin string, s *spaceRow, rev store.Rev) error {
	v, err := s.MarshalMsg(nil)
	if err != nil {
		return fmt.Errorf("writing where the rows of %s are: %w", plugin, err)
	}
	b.Check(kSpace.Join(plugin), rev)
	b.Put(kSpace.Join(plugin), v)
	return nil
}

// changeSpace has edit change where the rows of a plugin are.
func (e *Engine) changeSpace(ctx context.Context, plugin string, edit func(*spaceRow)) error {
	for {
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return err
		}
		s, rev, err := spaceOf(ctx, snap, plugin)
		snap.Close()
		if err != nil {
			return err
		}
		edit(&s)
		b := new(store.Batch)
		if err := putSpace(b, plugin, &s, rev); err != nil {
			return err
		}
		if _, err := e.store.Commit(ctx, b); !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
}

// spaces are the spaces that hold, by plugin, where that is not the plugin's
// name.
func spaces(ctx context.Context, snap store.Snapshot) (map[string]string, error) {
	out := map[string]string{}
	for row, err := range snap.Scan(ctx, store.Prefix(kSpace.Prefix())) {
		if err != nil {
			return nil, err
		}
		var s spaceRow
		if _, err := s.UnmarshalMsg(row.Value); err != nil {
			return nil, fmt.Errorf("row %s: %w", row.Key, err)
		}
		out[splitKey(row.Key, 1)[0]] = s.Space
	}
	return out, nil
}

// warmSpace is where the rows lie that m's image is made with: "" if there are
// none that it could read.
func (e *Engine) warmSpace(ctx context.Context, snap store.Snapshot, m *abi.Manifest) (string, error) {
	if p := e.plugin(m.Name); p != nil {
		if c := p.copying.Load(); c != nil && c.to == m.State() {
			return c.warm(), nil
		}
	}
	s, _, err := spaceOf(ctx, snap, m.Name)
	if err != nil || s.State != m.State() {
		return "", err
	}
	return s.Space, nil
}

// recoverSpaces erases what migrations have left.
func (e *Engine) recoverSpaces(ctx context.Context) {
	snap, err := e.store.Snapshot(ctx)
	if err == nil {
		var all map[string]string
		all, err = spaces(ctx, snap)
		snap.Close()
		for plugin := range all {
			err = errors.Join(err, e.eraseSpaces(ctx, plugin))
		}
	}
	if err != nil && ctx.Err() == nil {
		e.o.Logger.Error("rows that are not needed any more could not be erased; it is tried again at the next start", "err", err)
	}
}

// eraseAll deletes every row under prefix, to which nobody writes any more.
func (e *Engine) eraseAll(ctx context.Context, prefix store.Key) error {
	for {
		if _, err := e.sweepPrefix(ctx, prefix, func(store.Row) bool { return true }, false); err != nil {
			return err
		}
		// A batch that met somebody who deleted one of its rows has left the others.
		if n, err := e.count(ctx, prefix); err != nil || n == 0 {
			return err
		}
	}
}

// eraseSpaces erases the spaces of a plugin that are not needed any more: those
// that a migration left, or one that did not end. Of a crash in the middle of it
// the next start takes care.
func (e *Engine) eraseSpaces(ctx context.Context, plugin string) error {
	e.erasing.Lock()
	defer e.erasing.Unlock()
	for {
		snap, err := e.store.Snapshot(ctx)
		if err != nil {
			return err
		}
		s, _, err := spaceOf(ctx, snap, plugin)
		snap.Close()
		if err != nil {
			return err
		}
		old := s.Making
		if p := e.plugin(plugin); p != nil && p.copying.Load() != nil || old == "" {
			if len(s.Erase) == 0 {
				return nil
			}
			old = s.Erase[0]
		}
		if old == s.Space {
			return fmt.Errorf("the space %s is to be erased and holds", old)
		}
		for _, prefix := range []store.Key{kMoved.Join(old), kMoved.Join(s.Space), kState.Join(old)} {
			if err := e.eraseAll(ctx, prefix); err != nil {
				return fmt.Errorf("erasing the space %s: %w", old, err)
			}
		}
		if err := e.changeSpace(ctx, plugin, func(s *spaceRow) {
			if s.Making == old {
				s.Making = ""
			}
			var rest []string
			for _, x := range s.Erase {
				if x != old {
					rest = append(rest, x)
				}
			}
			s.Erase = rest
		}); err != nil {
			return err
		}
	}
}
