package proxy

import (
	"errors"
	"runtime/debug"
)

var errPanic = errors.New("proxy: code of the user did not return")

// guard calls code of the user that runs where nobody else would catch a panic,
// and makes an error of one.
func (p *Proxy) guard(what string, f func() error) (err error) {
	returned := false
	defer func() {
		if !returned {
			p.log.Error("panic in "+what, "panic", recover(), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	err = f()
	returned = true
	return err
}
