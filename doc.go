// Package patchbay is the root of an SDK that puts a SIP proxy, a registrar
// and their transports inside a Go program. It holds no code: start with
// package transaction for a program that talks SIP, and with packages
// registrar and proxy for a server. README.md has a server in thirty lines.
package patchbay
