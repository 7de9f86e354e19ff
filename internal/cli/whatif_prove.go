package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"lablab/fate"
	"lablab/internal/whatif"
	"lablab/lab"
	"lablab/play"
	"lablab/report"
	"lablab/say"
	"lablab/sim"
	"lablab/timeline"
)

// proofInterval is the time between two packets of a proof's stream.
const proofInterval = 2 * time.Millisecond

// mayProve says why nothing can be played on this kernel, or nothing if it can. If the command has run
// in another process, in a user namespace, done is true.
func mayProve(env Env) (done bool, code int, reason say.Sentence, err error) {
	if err = needsKernel(); err == nil {
		done, code, err = elsewhere(env, "auto")
	}
	var unable *lab.Unable
	if errors.As(err, &unable) {
		return false, 0, say.F("%s", err), nil
	}
	return done, code, say.Sentence{}, err
}

// prove plays the proofs on this kernel, several at a time. It also returns the timeline of the first,
// which has the likely order of the calls.
func prove(env Env, proofs []fate.Proof, fates int) (*whatif.Proof, []timeline.Event, error) {
	ctx, cancel := env.interruptible()
	defer cancel()
	p := &whatif.Proof{Fates: fates}
	orders := map[[2]int]bool{}
	logs := make([]*timeline.Log, len(proofs))
	errs := make([]error, len(proofs))
	const most = 8 // labs at a time, which mostly wait
	var workers sync.WaitGroup
	slots := make(chan struct{}, most)
	for i, proof := range proofs {
		orders[[2]int{proof.First, proof.Second}] = true
		slots <- struct{}{}
		workers.Go(func() {
			defer func() { <-slots }()
			sc, err := proof.Scenario()
			if err != nil {
				errs[i] = say.Errorf("read the proof: %w", err)
				return
			}
			sc.Interval = proofInterval
			logs[i] = timeline.NewLog()
			errs[i] = play.Run(ctx, runFlags{}.onKernel(sc), sc, logs[i])
		})
	}
	workers.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, nil, failure(ctx, err)
	}
	for _, log := range logs {
		r := report.Of(log.Events())
		p.Kernel = r.Kernel
		for _, x := range r.Experiments {
			for _, prediction := range x.Predictions {
				switch {
				case !prediction.NotJudged.Empty(), !prediction.Held && r.Missed != (report.Missed{}):
					p.Unjudged++
				case !prediction.Held:
					p.Disagreements++
					p.Differences = append(p.Differences, say.F("%s: %s: predicted %s, observed %s", x.Title, prediction.Subject, prediction.Predicted, prediction.Observed))
				}
			}
		}
	}
	p.Orders = len(orders)
	return p, logs[0].Events(), nil
}

// simulate plays a proof in memory, for its film.
func simulate(proof fate.Proof) ([]timeline.Event, error) {
	sc, err := proof.Scenario()
	if err != nil {
		return nil, say.Errorf("read the proof: %w", err)
	}
	log := timeline.NewLog()
	err = play.Run(context.Background(), sim.Target{Interval: proofInterval, Version: version()}, sc, log)
	return log.Events(), err
}

// writeProof writes the scenarios that prove a change: the first to the file, each other one to a file
// beside it with a number.
func writeProof(env Env, file string, proofs []fate.Proof) error {
	for i, p := range proofs {
		name := file
		if i > 0 {
			extension := filepath.Ext(file)
			name = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(file, extension), i+1, extension)
		}
		f, err := createWhole(env, name)
		if err != nil {
			return &usageError{say.Errorf("create scenario: %w", err), say.F("choose a writable file")}
		}
		if _, err := io.WriteString(f, p.Text); err != nil {
			f.close()
			return broken(say.Errorf("write scenario: %w", err))
		}
		if err := f.complete(); err != nil {
			return broken(say.Errorf("write scenario: %w", err))
		}
	}
	return nil
}
