package ns

import (
	"sync"
	"time"

	"lablab/say"
)

// AnswerTime is how long the kernel may take to answer a request. It takes milliseconds; without a
// limit, a lost answer would block forever.
const AnswerTime = 5 * time.Second

// Await calls ask, which waits for an answer of the kernel. If none comes within [AnswerTime], it
// calls giveUp, which must make ask return. Time in which this process was stopped does not count:
// the answer may be there all the same.
func Await(giveUp func(), ask func() error) error {
	const step = 100 * time.Millisecond
	var mu sync.Mutex
	var tick *time.Timer
	ended, silent := false, false
	left := AnswerTime
	mu.Lock()
	tick = time.AfterFunc(step, func() {
		mu.Lock()
		defer mu.Unlock()
		switch left -= step; {
		case ended:
		case left > 0:
			tick.Reset(step)
		default:
			silent = true
			giveUp()
		}
	})
	mu.Unlock()
	err := ask()
	mu.Lock()
	defer mu.Unlock()
	ended = true
	tick.Stop()
	if err != nil && silent {
		return say.Errorf("the kernel did not answer within %s", AnswerTime)
	}
	return err
}
