package workers

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type task func()

func (t task) Run() { t() }

func (p *Pool) idle() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.free)
}

func TestEachTaskRunsAtOnce(t *testing.T) {
	var p Pool
	const n = 100
	var meet sync.WaitGroup
	meet.Add(n)
	for range n {
		require.True(t, p.Go(task(func() { meet.Done(); meet.Wait() })))
	}
	p.Close()
	require.False(t, p.Go(task(func() { t.Error("ran after Close") })))
	p.Close()
}

func TestGoroutinesAreUsedAgainAndEndWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		defer p.Close()
		var ran atomic.Int32
		for range 1000 {
			p.Go(task(func() { ran.Add(1) }))
			synctest.Wait()
		}
		require.EqualValues(t, 1000, ran.Load())
		require.Equal(t, 1, p.idle())

		for range 50 {
			p.Go(task(func() { time.Sleep(time.Second) }))
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, 50, p.idle())
		time.Sleep(idle)
		synctest.Wait()
		require.Zero(t, p.idle())
	})
}

func TestCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		began := time.Now()
		p.Go(task(func() { time.Sleep(time.Minute) }))
		p.Close()
		require.Equal(t, time.Minute, time.Since(began))
	})
}

func TestCloseWaitsForWhatTasksStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p Pool
		done := false
		p.Go(task(func() {
			time.Sleep(time.Minute)
			p.Go(task(func() {
				time.Sleep(time.Minute)
				done = true
			}))
		}))
		p.Close()
		require.True(t, done)
	})
}

func TestTaskThatEndsItsGoroutine(t *testing.T) {
	var p Pool
	done := make(chan struct{})
	p.Go(task(func() { defer close(done); runtime.Goexit() }))
	<-done
	again := make(chan struct{})
	p.Go(task(func() { close(again) }))
	<-again
	p.Close()
}

func BenchmarkGo(b *testing.B) {
	var p Pool
	defer p.Close()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		done := make(chan struct{}, 1)
		t := task(func() { done <- struct{}{} })
		for pb.Next() {
			p.Go(t)
			<-done
		}
	})
}
