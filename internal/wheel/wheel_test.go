package wheel

import (
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// clock is an Owner that notes when its timers fire.
type clock struct {
	mu    sync.Mutex
	start time.Time
	fired []time.Duration
	again func(*Timer)
}

func (c *clock) Expired(t *Timer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !t.Due() {
		return
	}
	c.fired = append(c.fired, time.Since(c.start))
	if c.again != nil {
		c.again(t)
	}
}

func (c *clock) times() []time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]time.Duration(nil), c.fired...)
}

// run calls f inside a bubble with a Wheel that runs.
func run(t *testing.T, f func(t *testing.T, w *Wheel)) {
	synctest.Test(t, func(t *testing.T) {
		w := New()
		ended := make(chan struct{})
		go func() { w.Run(); close(ended) }()
		f(t, w)
		w.Close()
		w.Close()
		<-ended
	})
}

func TestFiresOnceWithinAGrain(t *testing.T) {
	for _, d := range []time.Duration{
		-time.Second, 0, 1, Grain - 1, Grain, Grain + 1, 500 * time.Millisecond,
		slots*Grain - 1, slots * Grain, slots*Grain + 1, 32 * time.Second, time.Hour,
	} {
		t.Run(d.String(), func(t *testing.T) {
			run(t, func(t *testing.T, w *Wheel) {
				time.Sleep(3*time.Millisecond + 7) // between two ticks
				c := &clock{start: time.Now()}
				var timer Timer
				w.Start(&timer, c, d)
				time.Sleep(d + 3*time.Hour)
				synctest.Wait()
				require.Len(t, c.times(), 1)
				require.GreaterOrEqual(t, c.times()[0], max(0, d))
				require.LessOrEqual(t, c.times()[0], max(0, d)+Grain)
			})
		})
	}
}

func TestStopAndStartAnew(t *testing.T) {
	run(t, func(t *testing.T, w *Wheel) {
		c := &clock{start: time.Now()}
		var stopped, moved Timer
		stopped.Stop() // never set
		w.Start(&stopped, c, time.Second)
		w.Start(&moved, c, time.Second)
		stopped.Stop()
		stopped.Stop()
		w.Start(&moved, c, 5*time.Second)
		time.Sleep(time.Minute)
		require.Equal(t, []time.Duration{5 * time.Second}, c.times())
		w.Start(&stopped, c, time.Second)
		time.Sleep(time.Minute)
		require.Len(t, c.times(), 2)
	})
}

func TestStartInsideExpired(t *testing.T) {
	run(t, func(t *testing.T, w *Wheel) {
		c := &clock{start: time.Now()}
		c.again = func(t *Timer) { w.Start(t, c, time.Second) }
		var timer Timer
		w.Start(&timer, c, time.Second)
		time.Sleep(5*time.Second + 500*time.Millisecond)
		synctest.Wait()
		require.Len(t, c.times(), 5)
		c.mu.Lock()
		timer.Stop()
		c.mu.Unlock()
	})
}

// slowClock holds each call of Expired up until it is let go.
type slowClock struct {
	clock
	letGo chan struct{}
}

func (c *slowClock) Expired(t *Timer) {
	<-c.letGo
	c.clock.Expired(t)
}

// An Expired that was under way while its timer was moved must be able to tell.
func TestDueTellsAStaleCall(t *testing.T) {
	run(t, func(t *testing.T, w *Wheel) {
		c := &slowClock{clock{start: time.Now()}, make(chan struct{})}
		var timer Timer
		w.Start(&timer, c, time.Second)
		time.Sleep(2 * time.Second)
		w.Start(&timer, c, time.Minute)
		close(c.letGo)
		synctest.Wait()
		require.Empty(t, c.times())
		time.Sleep(time.Hour)
		require.Equal(t, []time.Duration{62 * time.Second}, c.times())
	})
}

func TestManyTimersAnyOrder(t *testing.T) {
	run(t, func(t *testing.T, w *Wheel) {
		const n = 5000
		random := rand.New(rand.NewPCG(1, 2))
		clocks, timers, want := make([]clock, n), make([]Timer, n), make([]time.Duration, n)
		for i := range n {
			clocks[i].start = time.Now()
			want[i] = time.Duration(random.Int64N(int64(2 * time.Minute)))
			w.Start(&timers[i], &clocks[i], want[i])
			if i%100 == 0 {
				time.Sleep(time.Duration(random.Int64N(int64(time.Second))))
			}
			if i%7 == 0 {
				j := random.IntN(i + 1)
				clocks[j].mu.Lock()
				timers[j].Stop()
				if len(clocks[j].fired) == 0 {
					want[j] = -1
				}
				clocks[j].mu.Unlock()
			}
		}
		time.Sleep(10 * time.Minute)
		for i := range n {
			if want[i] < 0 {
				require.Empty(t, clocks[i].times())
				continue
			}
			require.Len(t, clocks[i].times(), 1)
			require.InDelta(t, want[i]+Grain/2, clocks[i].times()[0], float64(Grain/2))
		}
		for i := range w.shards {
			require.Equal(t, int64(never), w.shards[i].following(0), "a slot was not emptied")
		}
	})
}

// The bubble's clock only moves on while everybody sleeps: a Wheel that ticked
// while it is idle would show as a huge number of wakings.
func TestIdleWheelSleeps(t *testing.T) {
	run(t, func(t *testing.T, w *Wheel) {
		began := time.Now()
		time.Sleep(10 * 365 * 24 * time.Hour)
		c := &clock{start: time.Now()}
		var timer Timer
		w.Start(&timer, c, 20*time.Millisecond)
		time.Sleep(time.Second)
		require.Len(t, c.times(), 1)
		require.Less(t, c.times()[0], 50*time.Millisecond)
		require.Greater(t, time.Since(began), time.Hour)
	})
}

func TestStartAndStopAllocateNothing(t *testing.T) {
	w := New()
	var timer Timer
	c := new(clock)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		w.Start(&timer, c, time.Second)
		timer.Stop()
	}))
}

func BenchmarkStartStop(b *testing.B) {
	w := New()
	go w.Run()
	defer w.Close()
	c := new(clock)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		var timer Timer
		for p.Next() {
			w.Start(&timer, c, 500*time.Millisecond)
			timer.Stop()
		}
	})
}
