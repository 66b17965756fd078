// Package workers is a pool of goroutines that are used again: a task costs no
// new stack, and a goroutine that found nothing to do for a while ends.
package workers

import (
	"sync"
	"time"
)

// idle is how long a goroutine waits for its next task.
const idle = 10 * time.Second

// A Task is run on a goroutine of a Pool.
type Task interface{ Run() }

// A Pool runs tasks, each at once and on a goroutine of its own; whoever calls
// Go bounds how many. The zero Pool is ready for use.
type Pool struct {
	mu      sync.Mutex
	free    []*worker // the one that became free last is used first
	live    int       // goroutines
	closing bool
	ended   chan struct{} // made by Close; closed when live is 0
}

type worker struct {
	pool  *Pool
	tasks chan Task // holds one; closed to end the worker
}

// Go runs t. Once Close has waited for the last task it does nothing and
// returns false.
func (p *Pool) Go(t Task) bool {
	p.mu.Lock()
	if p.closing && p.live == 0 {
		p.mu.Unlock()
		return false
	}
	if n := len(p.free) - 1; n >= 0 {
		w := p.free[n]
		p.free[n] = nil
		p.free = p.free[:n]
		p.mu.Unlock()
		w.tasks <- t
		return true
	}
	p.live++
	p.mu.Unlock()
	w := &worker{pool: p, tasks: make(chan Task, 1)}
	go w.run(t)
	return true
}

// Close waits for the tasks that run, and for those that they start, and ends
// the pool. It must not be called by one of them.
func (p *Pool) Close() {
	p.mu.Lock()
	if !p.closing {
		p.closing = true
		p.ended = make(chan struct{})
		if p.live == 0 {
			close(p.ended)
		}
		for _, w := range p.free {
			close(w.tasks)
		}
		p.free = nil
	}
	p.mu.Unlock()
	<-p.ended
}

// leave is the end of a worker.
func (p *Pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live--; p.live == 0 && p.closing {
		close(p.ended)
	}
}

func (w *worker) run(t Task) {
	// A task may end its goroutine by runtime.Goexit.
	defer w.pool.leave()
	timer := time.NewTimer(idle)
	defer timer.Stop()
	for {
		t.Run()
		if !w.pool.release(w) {
			return
		}
		timer.Reset(idle)
		var ok bool
		select {
		case t, ok = <-w.tasks:
		case <-timer.C:
			if w.pool.remove(w) {
				return
			}
			t, ok = <-w.tasks // Go or Close was faster
		}
		if !ok {
			return
		}
	}
}

// release makes w free; it is false when the pool is being closed.
func (p *Pool) release(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	p.free = append(p.free, w)
	return true
}

// remove takes w off the free ones; it is false when w is none of them.
func (p *Pool) remove(w *worker) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, f := range p.free { // idle the longest, so it stands in front
		if f == w {
			p.free = append(p.free[:i], p.free[i+1:]...)
			return true
		}
	}
	return false
}
