package control

import (
	"context"
	"errors"
	"sync"

	"lablab/lab"
	"lablab/say"
	"lablab/scenario"
	"lablab/timeline"
)

// A Keeper keeps a lab, and replaces it on request.
type Keeper struct {
	options lab.Options
	prepare func([]scenario.Host) error
	alive   context.Context // done when no lab may be built any more
	end     context.CancelFunc
	broken  context.Context // done when the lab has failed; its cause says why
	fail    context.CancelCauseFunc

	loading sync.Mutex // one load at a time
	// Requests hold mu for reading while they use the lab, so no request reaches a lab that is
	// being taken down.
	mu  sync.RWMutex
	now *kept // nil after the lab was taken down
}

// Keep builds the lab of a scenario but does not run its experiments. It calls prepare with the
// hosts before it builds this lab and each one that replaces it.
func Keep(ctx context.Context, sc *scenario.Scenario, o lab.Options, prepare func([]scenario.Host) error) (*Keeper, error) {
	k := &Keeper{options: o, prepare: prepare}
	k.alive, k.end = context.WithCancel(context.WithoutCancel(ctx))
	k.broken, k.fail = context.WithCancelCause(context.WithoutCancel(ctx))
	now, err := k.build(ctx, sc)
	if err != nil {
		k.end()
		return nil, err
	}
	k.now = now
	return k, nil
}

// logKept is the least number of events that a lab's timeline keeps.
const logKept = 200_000

// build builds a lab and checks that it filters.
func (k *Keeper) build(ctx context.Context, sc *scenario.Scenario) (*kept, error) {
	bare := *sc
	bare.Question, bare.Experiments = "", nil // a kept lab does not run them
	log := timeline.NewLog()
	log.Keep(logKept)
	l, err := lab.Build(ctx, &bare, k.options, log)
	if err != nil {
		return nil, err
	}
	if err := l.Open(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	if err := k.prepare(sc.Hosts); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	begun := log.Events()[0].Body.(timeline.Begun)
	context.AfterFunc(l.Broken(), func() {
		if cause := context.Cause(l.Broken()); !errors.Is(cause, context.Canceled) { // Canceled means that the lab was closed
			k.fail(cause)
		}
	})
	return &kept{lab: l, log: log, scenario: sc.Name, started: begun.Started, over: make(chan struct{})}, nil
}

// Load replaces the lab with that of another scenario. The old lab ends once the new one is built.
// If that fails, the old lab stays.
func (k *Keeper) Load(sc *scenario.Scenario) error {
	k.loading.Lock()
	defer k.loading.Unlock()
	if k.alive.Err() != nil {
		return ErrDown
	}
	fresh, err := k.build(k.alive, sc)
	if err != nil {
		return say.Errorf("load %s: %w", sc.Name, err)
	}
	k.mu.Lock()
	old := k.now
	k.now, old.next = fresh, fresh
	k.mu.Unlock()
	return old.close()
}

// Close takes the lab down. Watchers get the rest of its timeline.
func (k *Keeper) Close() error {
	k.end()
	k.loading.Lock()
	defer k.loading.Unlock()
	k.mu.Lock() // waits for requests that use the lab
	now := k.now
	k.now = nil
	k.mu.Unlock()
	if now == nil {
		return nil
	}
	return now.close()
}

// Broken returns a context that is done when the lab has failed; its cause says why.
func (k *Keeper) Broken() context.Context { return k.broken }

// Events sends the timeline of the lab from its beginning, then that of each lab that replaces it,
// until the last lab is down or ctx is done. Each timeline begins with Begun and ends with Ended.
func (k *Keeper) Events(ctx context.Context) <-chan timeline.Event {
	now := k.current()
	if now == nil { // taken down already
		none := make(chan timeline.Event)
		close(none)
		return none
	}
	return k.follow(ctx, now, 0, false)
}

// follow is Events, starting after an event of one lab. If whole is set and the reader fell behind,
// the stream ends at the first gap.
func (k *Keeper) follow(ctx context.Context, from *kept, after uint64, whole bool) <-chan timeline.Event {
	out := make(chan timeline.Event)
	ctx, cancel := context.WithCancel(ctx)
	// A reader that starts at the beginning accepts that the log has forgotten early events.
	early := uint64(0)
	if after == 0 {
		early = from.log.Last()
	}
	go func() {
		defer close(out)
		defer cancel()
		for ; from != nil; from, after, early = k.behind(from), 0, 0 {
			for e := range from.log.SubscribeAfter(ctx, after) {
				if whole && e.Seq > after+1 && after >= early {
					return
				}
				select {
				case out <- e:
				case <-ctx.Done():
					return
				}
				after = e.Seq
			}
			if ctx.Err() != nil {
				return
			}
		}
	}()
	return out
}

// behind returns the lab that replaced old, or nil if none did.
func (k *Keeper) behind(old *kept) *kept {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return old.next
}

// lastOf returns the last in the chain of labs that replaced old.
func (k *Keeper) lastOf(old *kept) *kept {
	for next := old; next != nil; next = k.behind(old) {
		old = next
	}
	return old
}

// current returns the lab, which may be taken down at any moment; nil if it is down.
func (k *Keeper) current() *kept {
	now, release := k.hold()
	defer release()
	return now
}

// hold returns the lab, or nil if it is down. The lab stays until release is called.
func (k *Keeper) hold() (now *kept, release func()) {
	k.mu.RLock()
	return k.now, k.mu.RUnlock
}

// close records the last entries and counters, ends the timeline and closes the lab. Programs that
// others have started in its hosts may continue, without a network.
func (k *kept) close() error {
	err := k.observe(context.Background())
	k.log.Append(timeline.Ended{})
	defer close(k.over)
	return errors.Join(err, k.lab.Unplug(), k.lab.Close())
}
