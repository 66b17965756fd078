// Package transaction is SIP's transaction layer: the four machines of RFC 3261
// section 17 as RFC 6026 amends them, and the Endpoint that joins transports
// to a Handler.
package transaction
