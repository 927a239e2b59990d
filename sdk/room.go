package sdk

import "github.com/hearthbot/hearth/sdk/abi"

// room is the memory of one invocation, in one piece: an object by itself costs
// a call of the allocator, and one or two pages of memory to restore when the
// event is over. There is space for what most handlers do; what is more is
// allocated.
type room[C any] struct {
	ctx    Ctx[C]
	inv    Invocation
	rows   overlay
	writes [2]abi.Write
	out    [2]abi.Effect
	letter letter
}

// letter is the memory of one message.
type letter struct {
	message Message
	send    abi.Send
	blocks  [3]abi.Block
	buttons [2]abi.Button
}

// enter makes the memory of an invocation of a plugin with config C.
func enter[C any](p *plugin) *Invocation {
	r := new(room[C])
	i := &r.inv
	r.ctx = Ctx[C]{Invocation: i, Config: p.conf.(*C)}
	i.ctx, i.rows, i.letter = &r.ctx, &r.rows, &r.letter
	i.writes, i.out = r.writes[:0], r.out[:0]
	return i
}

// newLetter hands out the invocation's letter, and then others.
func (i *Invocation) newLetter() *letter {
	l := i.letter
	if i.letter = nil; l == nil {
		l = new(letter)
	}
	return l
}
