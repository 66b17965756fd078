package transaction_test

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip"
	"github.com/patchbay-sip/patchbay/transaction"
)

const calleeAddr = "192.0.2.2:5060"

// benchmarkPair measures a client transaction and a server transaction: what
// both ends of a request cost together, the network in memory included.
func benchmarkPair(b *testing.B, m sip.Method, codes ...int) {
	w := newWorld(b, "udp", nil)
	defer w.close()
	w.serve(calleeAddr, answer(codes...))
	req := request(m, calleeAddr)
	req.SetBody("application/sdp", sdp)
	done := make(chan struct{}, 1)
	on := func(ev transaction.Event) {
		if ev.Last {
			done <- struct{}{}
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		_, err := w.ep.Start(context.Background(), req, sip.Target{}, on)
		require.NoError(b, err)
		<-done
	}
}

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"

func BenchmarkInvite486(b *testing.B)    { benchmarkPair(b, sip.INVITE, 486) }
func BenchmarkInvite180200(b *testing.B) { benchmarkPair(b, sip.INVITE, 180, 200) }
func BenchmarkOptions(b *testing.B)      { benchmarkPair(b, sip.OPTIONS, 200) }

// BenchmarkLingering prints what a transaction costs that waits for timer D, I,
// J or K: heap and stacks, the table and the response included. A million of
// them are held by -bench Lingering -benchtime 1000000x.
func BenchmarkLingering(b *testing.B) {
	for name, server := range map[string]bool{"server": true, "client": false} {
		for _, m := range []sip.Method{sip.INVITE, sip.MESSAGE} {
			b.Run(name+"/"+string(m), func(b *testing.B) {
				timers := transaction.WithTimers(transaction.Timers{T1: time.Hour, T2: 2 * time.Hour, T4: time.Hour, D: time.Hour})
				w := newWorld(b, "udp", answer(486), timers,
					transaction.WithMaxTransactions(math.MaxInt32), transaction.WithMaxBytes(math.MaxInt))
				defer w.close()
				before := inUse()
				b.ResetTimer()
				for range b.N {
					if server {
						req := w.peer.newRequest(m)
						req.SetBody("application/sdp", sdp)
						w.peer.send(req)
						w.peer.next()
						continue
					}
					done := make(chan struct{})
					_, err := w.ep.Start(context.Background(), request(m, peerAddr), w.toPeer(), func(transaction.Event) { close(done) })
					require.NoError(b, err)
					w.peer.respond(w.peer.next().req, 486)
					if m == sip.INVITE {
						w.peer.next() // ACK
					}
					<-done
				}
				b.StopTimer()
				b.ReportMetric(float64(inUse()-before)/float64(b.N), "B/transaction")
				s := w.ep.Stats()
				require.GreaterOrEqual(b, s.Client+s.Server, b.N)
			})
		}
	}
}

// inUse is the memory of heap and stacks in use.
func inUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse + m.StackInuse
}

// BenchmarkRefused is what a request costs that is turned away, over and over: the
// peer's side included.
func BenchmarkRefused(b *testing.B) {
	letGo := make(chan struct{})
	w := newWorld(b, "udp", busy(letGo), transaction.WithMaxHandlers(1))
	defer w.close()
	defer close(letGo)
	w.peer.send(w.peer.newRequest(sip.INVITE))
	w.peer.response(100)
	refused := w.peer.newRequest(sip.INVITE)
	refused.SetBody("application/sdp", sdp)
	b.ReportAllocs()
	for b.Loop() {
		w.peer.send(refused)
		w.peer.response(503)
	}
}
