// Package sip holds SIP messages, URIs and header fields: parse, edit, write.
// It does no I/O and imports the standard library alone.
package sip
