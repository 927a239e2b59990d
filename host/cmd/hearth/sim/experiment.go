package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/hearthbot/hearth/plugins/experiments/plan"
	"github.com/hearthbot/hearth/sdk/abi"
	"github.com/hearthbot/hearth/sdk/experiment"
)

// greeting is the experiment of which the greeting shows a variation: whom it is
// shown to, and when, follows from the joins alone.
const greeting = plan.BotScript

// experiments has the ready-made experiments run from the beginning, and the truth
// know by the published scheme who gets which greeting.
func (w *world) experiments() error {
	for _, d := range plan.Samples() {
		d.Begin(w.begin)
		w.running = append(w.running, d)
		if d.Key == greeting {
			if d.Target != "" || d.Holdout != nil || d.Coverage != nil {
				return fmt.Errorf("sim: experiment %s is not for everybody any more, and the truth takes it to be", d.Key)
			}
			w.variations = d.Variations
			w.group = func(id string) string { return d.Experiment.Assign(experiment.Member{ID: id}, w.begin).Name }
		}
	}
	if w.variations == nil {
		return fmt.Errorf("sim: there is no ready-made experiment %s", greeting)
	}
	return nil
}

// tellTime is how long the plugin may take to learn of the experiments.
const tellTime = time.Minute

// begin has the experiments run.
func (d *driver) begin(ctx context.Context, w *world) error {
	ctx, cancel := context.WithTimeout(ctx, tellTime)
	defer cancel()
	var props []abi.Annotation
	for _, x := range w.running {
		props = append(props, abi.Annotation{Name: x.Key, Value: string(x.Encode())})
	}
	if err := d.Tell(ctx, "simulation", "experiments", props); err != nil {
		return fmt.Errorf("sim: beginning the experiments: %w", err)
	}
	// The plugin goes by them once its image is taken anew, beside the work.
	for {
		n, err := d.underway(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("sim: beginning the experiments: %w", err)
		case n == len(w.running):
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("sim: the experiments do not begin: %d of %d: %w", n, len(w.running), ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// underway is how many experiments run, as the plugin knows.
func (d *driver) underway(ctx context.Context) (n int, err error) {
	v, err := d.Query(ctx, "experiments", abi.Query{Path: "/experiments", Role: "admin"})
	if err != nil {
		return 0, err
	}
	var answer struct {
		Experiments []struct {
			Status plan.Status `json:"status"`
		} `json:"experiments"`
	}
	if err := json.Unmarshal(v.Body, &answer); err != nil {
		return 0, err
	}
	for _, x := range answer.Experiments {
		if x.Status == plan.Running {
			n++
		}
	}
	return n, nil
}
