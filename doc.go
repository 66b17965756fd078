// Package patchbay is the root of an SDK that puts a SIP proxy, a registrar
// and their transports inside a Go program. It holds no code: start with
// package transaction for a program that talks SIP, with packages registrar and
// proxy for a server, and with package transaction/dialog for a phone.
//
// README.md has a server in thirty lines. The example here has what a server
// on the open Internet needs: TLS and WebSocket, passwords, limits, a trace.
package patchbay
