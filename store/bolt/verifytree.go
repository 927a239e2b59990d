package bolt

import (
	"bytes"
)

// visit is called with each element of a leaf; what it is given is valid until
// it returns.
type visit func(p page, flags uint32, key, value []byte) error

// tree walks the tree whose root is page id, of which all keys k ought to be
// min ≤ k < max; nil is no bound.
func (v *verifier) tree(id uint64, min, max []byte, depth int, f visit) error {
	if depth > maxDepth {
		return v.wrong(id, "it lies too deep: the tree is a circle")
	}
	p, err := v.readPage(id, usedTree, &v.rooms[depth])
	if err != nil {
		return err
	}
	switch p.flags {
	case flagLeaf:
		return v.leaf(p, min, max, f)
	case flagBranch:
		return v.branch(p, min, max, depth, f)
	default:
		return v.wrong(id, "it has type %#x, and ought to be of a tree", p.flags)
	}
}

func (v *verifier) branch(p page, min, max []byte, depth int, f visit) error {
	if p.count == 0 {
		return v.wrong(p.id, "it is a branch without children")
	}
	key, child, err := p.branch(0)
	for i := range int(p.count) {
		if err != nil {
			return v.wrong(p.id, "%w", err)
		}
		if err := v.ordered(p, i, key, min, max); err != nil {
			return err
		}
		// The next key ends what lies below this one.
		end, next := max, uint64(0)
		if i+1 < int(p.count) {
			end, next, err = p.branch(i + 1)
			if err != nil {
				return v.wrong(p.id, "%w", err)
			}
		}
		if v.leaves == 0 || depth+1 < v.leaves {
			if err := v.tree(child, key, end, depth+1, f); err != nil {
				return err
			}
		} else if child < 2 || child >= v.meta.pages || v.used[child] != 0 {
			return v.wrong(p.id, "element %d points to page %d, which is not its own", i, child)
		} else {
			v.used[child] = usedTree
		}
		min, key, child = end, end, next
	}
	return nil
}

func (v *verifier) leaf(p page, min, max []byte, f visit) error {
	var before []byte
	for i := range int(p.count) {
		flags, key, value, err := p.leaf(i)
		if err != nil {
			return v.wrong(p.id, "%w", err)
		}
		if err := v.ordered(p, i, key, min, max); err != nil {
			return err
		}
		if i > 0 && bytes.Equal(key, before) {
			return v.wrong(p.id, "element %d, %q, is there twice", i, key)
		}
		if err := f(p, flags, key, value); err != nil {
			return err
		}
		min, before = key, key
	}
	return nil
}

func (v *verifier) ordered(p page, i int, key, min, max []byte) error {
	if bytes.Compare(key, min) < 0 || max != nil && bytes.Compare(key, max) >= 0 {
		return v.wrong(p.id, "element %d, %q, is out of order", i, key)
	}
	return nil
}

// inline walks a bucket that is small enough to lie in its parent's page p.
func (v *verifier) inline(p page, value []byte, f visit) error {
	if len(value) < bucketHeader+pageHeader {
		return v.wrong(p.id, "it holds a bucket that is cut off")
	}
	in := parsePage(value[bucketHeader:])
	in.id = p.id
	if in.flags != flagLeaf {
		return v.wrong(p.id, "it holds a bucket of type %#x", in.flags)
	}
	return v.leaf(in, nil, nil, f)
}

// row checks one row and adds it to what has been got.
func (v *verifier) row(p page, flags uint32, key, value []byte) error {
	if flags != 0 {
		return v.wrong(p.id, "row %q has type %#x", key, flags)
	}
	rev, _, sum, err := parseRow(key, value)
	if err != nil {
		return v.wrong(p.id, "%w", err)
	}
	v.got.rows++
	v.got.sum += uint64(sum)
	v.got.rev = max(v.got.rev, rev)
	return nil
}

// findLeaves returns how deep the leaves below root lie; bbolt keeps all of
// them at one depth.
func (v *verifier) findLeaves(root uint64) (depth int, err error) {
	for id := root; depth <= maxDepth; depth++ {
		p, err := v.readPage(id, 0, &v.rooms[0])
		if err != nil {
			return 0, err
		}
		if p.flags != flagBranch || p.count == 0 {
			return depth, nil
		}
		if _, id, err = p.branch(0); err != nil {
			return 0, v.wrong(p.id, "%w", err)
		}
	}
	return 0, v.wrong(root, "its tree is a circle")
}
