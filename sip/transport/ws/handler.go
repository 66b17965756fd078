package ws

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// slotKey is the context key of a connection's *transport.Slot.
type slotKey struct{}

// ServeHTTP implements http.Handler: it makes a WebSocket of the request, which
// must ask for the subprotocol sip, and returns. The answer is else
//
//   - 400 for a broken handshake, or one without that subprotocol
//   - 403 for the wrong origin, a source that is denied, WSS without TLS, and WS
//     over TLS
//   - 426 for what is no WebSocket, 505 for a request by HTTP/2
//   - 503 with Retry-After when there are too many connections
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.ProtoMajor != 1 { // it knows no Upgrade (RFC 9113 section 8.6), and so no 426
		http.Error(w, "a WebSocket begins by HTTP/1.1", http.StatusHTTPVersionNotSupported)
		return
	}
	if isTLS := r.TLS != nil || s.cfg.tlsInFront; isTLS != s.secure {
		http.Error(w, "connect by "+s.Network(), http.StatusForbidden)
		return
	}
	if !s.cfg.allows(r) {
		http.Error(w, "not from this origin", http.StatusForbidden)
		return
	}
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && !wantsSIP(r.Header) {
		http.Error(w, "the subprotocol sip is needed", http.StatusBadRequest) // RFC 7118 section 4
		return
	}
	slot, err := s.slot(r)
	if errors.Is(err, transport.ErrDenied) {
		http.Error(w, "not from this address", http.StatusForbidden)
		return
	}
	if err != nil {
		w.Header().Set("Retry-After", "10")
		http.Error(w, "too many connections", http.StatusServiceUnavailable)
		return
	}
	defer slot.Release() // unless it is carried
	up := &upgrade{ResponseWriter: w}
	c, err := websocket.Accept(up, r, &websocket.AcceptOptions{
		Subprotocols:       []string{"sip"},
		InsecureSkipVerify: true, // allows has looked at the origin
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived: func(context.Context, []byte) bool {
			up.link.stream.KeepAlive()
			return true
		},
		OnPongReceived: func(context.Context, []byte) { up.link.stream.KeepAlive() },
	})
	if err != nil {
		return // it has been answered
	}
	_ = slot.Carry(up.link.Conn, up.rest, func(stream *transport.Stream) error {
		up.link.stream = stream
		return s.read(c, up.link)
	}) // it fails at the end, for which there is no answer any longer
}

// slot is the one that the listener has reserved, or a new one.
func (s *Server) slot(r *http.Request) (*transport.Slot, error) {
	if slot, ok := r.Context().Value(slotKey{}).(*transport.Slot); ok {
		return slot, nil
	}
	remote, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return nil, err
	}
	return s.hosted.Reserve(r.Context(), remote)
}

func wantsSIP(h http.Header) bool {
	for _, list := range h.Values("Sec-WebSocket-Protocol") {
		for name := range strings.SplitSeq(list, ",") {
			if strings.EqualFold(strings.TrimSpace(name), "sip") {
				return true
			}
		}
	}
	return false
}

// upgrade gives websocket.Accept a link in the place of the connection.
type upgrade struct {
	http.ResponseWriter
	link *link
	rest []byte // that was read of the connection already
}

const (
	readBuffer = 1 << 10
	// writeBuffer holds the longest frame that is not ours: a control frame.
	writeBuffer = 256
)

// Hijack implements http.Hijacker.
func (u *upgrade) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	nc, brw, err := http.NewResponseController(u.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	rest, err := brw.Reader.Peek(brw.Reader.Buffered())
	if err != nil {
		return nil, nil, err
	}
	u.link, u.rest = &link{Conn: nc}, bytes.Clone(rest)
	return u.link, bufio.NewReadWriter(bufio.NewReaderSize(u.link, readBuffer), bufio.NewWriterSize(u.link, writeBuffer)), nil
}

// link is the connection as the WebSocket codec sees it. What it writes, control
// frames one at a time, goes into the queue of the transport.
type link struct {
	net.Conn
	stream *transport.Stream
	failed bool        // nothing more can be read: neither side broke a rule
	closed bool        // a close frame was written
	ended  atomic.Bool // nobody reads any longer
}

func (l *link) Read(p []byte) (int, error) {
	n, err := l.stream.Read(p)
	l.failed = err != nil
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	if code, ok := closeCode(p); ok {
		l.closed = true
		switch code {
		case websocket.StatusProtocolError, websocket.StatusInvalidFramePayloadData, websocket.StatusMessageTooBig:
			l.stream.Broken()
		}
		return l.stream.WriteLast(p) // RFC 6455 section 5.5.1
	}
	return l.stream.Write(p)
}

// Close has the reader end; the transport closes the connection, once the peer
// could read what was queued.
func (l *link) Close() error {
	if !l.ended.Load() {
		l.stream.Stop()
	}
	return nil
}

var errNotText = errors.New("ws: text that is no UTF-8")

// read takes messages until the connection ends, and says goodbye.
func (s *Server) read(c *websocket.Conn, l *link) error {
	c.SetReadLimit(int64(l.stream.Limit()))
	err := s.messages(c, l)
	switch {
	case l.closed:
	case errors.Is(err, errNotText):
		_, _ = l.Write(appendClose(nil, websocket.StatusInvalidFramePayloadData))
	case !l.failed: // a frame without a mask (RFC 6455 section 5.1): the codec is silent on it
		_, _ = l.Write(appendClose(nil, websocket.StatusProtocolError))
	case !errors.Is(err, io.EOF):
		_, _ = l.Write(appendClose(nil, websocket.StatusGoingAway))
	}
	l.ended.Store(true)
	_ = c.CloseNow()
	return err
}

func (s *Server) messages(c *websocket.Conn, l *link) error {
	for {
		kind, r, err := c.Reader(context.Background())
		if err != nil {
			return err
		}
		l.stream.Begin()
		if err := s.message(kind, r, l); err != nil {
			return err
		}
	}
}

// maxKept is the largest buffer that is kept for the next message.
const maxKept = 16 << 10

func (s *Server) message(kind websocket.MessageType, r io.Reader, l *link) error {
	kept := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(kept)
	b := bytes.NewBuffer((*kept)[:0])
	if _, err := b.ReadFrom(r); err != nil {
		return err
	}
	if b.Cap() <= maxKept {
		*kept = b.Bytes()
	}
	text := b.Bytes()
	switch {
	case kind == websocket.MessageText && !utf8.Valid(text):
		return errNotText
	case len(bytes.Trim(text, "\r\n")) == 0:
		l.stream.KeepAlive()
		if len(text) >= len("\r\n\r\n") { // RFC 5626 section 3.5.1
			_, _ = l.Write(appendFrame(nil, opText, []byte("\r\n")))
		}
	default:
		l.stream.Message(text)
	}
	return nil
}
