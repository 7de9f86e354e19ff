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

// A Keeper keeps a lab, and puts another in its place when it is asked to.
type Keeper struct {
	options lab.Options
	prepare func([]scenario.Host) error
	alive   context.Context // done when nothing is to be built any more
	end     context.CancelFunc
	broken  context.Context // done when the lab has failed, for that cause
	fail    context.CancelCauseFunc

	loading sync.Mutex // one load at a time
	// What asks the lab holds mu for reading while it does; so nobody asks a lab that
	// is being taken down.
	mu  sync.RWMutex
	now *kept // nil when it has been taken down
}

// Keep builds the lab of a scenario, of which nothing is played. prepare is called before
// there is a lab with these hosts, this one and each that takes its place.
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

// build builds a lab, and proves that it filters.
func (k *Keeper) build(ctx context.Context, sc *scenario.Scenario) (*kept, error) {
	bare := *sc
	bare.Question, bare.Experiments = "", nil // nobody plays them
	log := timeline.NewLog()
	const most = 200_000 // events
	log.Keep(most)
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
		if cause := context.Cause(l.Broken()); !errors.Is(cause, context.Canceled) { // which is how it is closed
			k.fail(cause)
		}
	})
	return &kept{lab: l, log: log, scenario: sc.Name, started: begun.Started, over: make(chan struct{})}, nil
}

// Load puts the lab of another scenario in the place of the one that is there. That one
// ends when the other has been built; if it cannot be, the old one stays.
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

// Close takes the lab down. Those who watch read its timeline to the end.
func (k *Keeper) Close() error {
	k.end()
	k.loading.Lock()
	defer k.loading.Unlock()
	k.mu.Lock() // until then somebody asks it
	now := k.now
	k.now = nil
	k.mu.Unlock()
	if now == nil {
		return nil
	}
	return now.close()
}

// Broken is done when the lab has failed, for that cause.
func (k *Keeper) Broken() context.Context { return k.broken }

// Events delivers the timeline of the lab from its beginning, then that of the lab that
// takes its place, and so on, until there is none or ctx is done. Each begins with Begun
// and ends with Ended.
func (k *Keeper) Events(ctx context.Context) <-chan timeline.Event {
	now := k.current()
	if now == nil { // taken down already
		none := make(chan timeline.Event)
		close(none)
		return none
	}
	return k.follow(ctx, now, 0, false)
}

// follow is Events of a lab, behind an event of it. Of who reads so slowly that events are
// forgotten before they come, a whole timeline ends before the gap.
func (k *Keeper) follow(ctx context.Context, from *kept, after uint64, whole bool) <-chan timeline.Event {
	out := make(chan timeline.Event)
	ctx, cancel := context.WithCancel(ctx)
	// Who begins at the beginning knows that the lab has forgotten what came early.
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

// behind is the lab that has taken the place of another; nil if none has.
func (k *Keeper) behind(old *kept) *kept {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return old.next
}

// lastOf is the lab that has taken the place of another last of all.
func (k *Keeper) lastOf(old *kept) *kept {
	for next := old; next != nil; next = k.behind(old) {
		old = next
	}
	return old
}

// current is the lab that is there now, which may be taken down at any moment; nil if
// there is none.
func (k *Keeper) current() *kept {
	now, release := k.hold()
	defer release()
	return now
}

// hold is the lab that is there now, nil if there is none. It stays until release is called.
func (k *Keeper) hold() (now *kept, release func()) {
	k.mu.RLock()
	return k.now, k.mu.RUnlock
}

// close ends the timeline, and lets go of the lab. Programs that others have started in
// its hosts may live on, without a network.
func (k *kept) close() error {
	k.sync(context.Background())
	k.log.Append(timeline.Ended{})
	defer close(k.over)
	return errors.Join(k.lab.Unplug(), k.lab.Close())
}
