package transport

import (
	"errors"

	"github.com/patchbay-sip/patchbay/sip"
)

// A buffer is what messages are rendered into; pools hold them.
type buffer struct{ b []byte }

// deliver parses text, which came over flow, and hands it to the sink. broken
// is what is wrong with it beyond its own text, if anything. answerable is
// true for a request that the sink may answer with an error.
func deliver(sink Sink, cfg *config, count *counters, flow sip.Flow, text []byte, broken error) (answerable bool) {
	m, err := cfg.limits.Parse(text)
	if broken != nil {
		err = broken
	}
	cfg.tap.received(flow, text, err)
	markReceived(m, flow.Remote)
	if err == nil {
		count.received.Add(1)
		sink.Message(flow, m)
		return false
	}
	req, isRequest := m.(*sip.Request)
	parseErr, isParseErr := errors.AsType[*sip.ParseError](err)
	if !isRequest || !isParseErr {
		count.notSIP.Add(1)
		cfg.logger.Debug("dropped what is no SIP", "flow", flow, "err", err)
		return false
	}
	count.malformed.Add(1)
	sink.Malformed(flow, req, parseErr)
	return true
}
