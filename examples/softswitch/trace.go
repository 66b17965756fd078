package main

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/pcap"
)

// trace writes what a tap shows to a file, until the function that it returns is
// called. When the file can be written no longer, calls go on without. A nil tap
// shows nothing.
func trace(tap *transport.Tap, name string, logger *slog.Logger) (stop func(), err error) {
	if tap == nil {
		return func() {}, nil
	}
	file, err := pcap.Create(name)
	if err != nil {
		return nil, fmt.Errorf("--pcap: %w", err)
	}
	failed, ended := false, make(chan struct{})
	go func() {
		defer close(ended)
		_ = tap.Serve(func(m transport.Tapped) {
			err := file.Write(m)
			if err == nil || failed || errors.Is(err, transport.ErrTooLarge) {
				return
			}
			failed = true
			logger.Error("the trace ends here", "err", err)
			_ = tap.Close()
		}) // it ends by Close alone
	}()
	return func() {
		_ = tap.Close()
		<-ended
		if n := tap.Dropped(); n > 0 {
			logger.Warn("messages are missing from the trace: the disk was too slow", "messages", n)
		}
		if err := file.Close(); err != nil && !failed {
			logger.Error("trace not closed", "err", err)
		}
	}, nil
}
