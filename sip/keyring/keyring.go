// Package keyring holds the keys that a SIP server signs its own tokens with:
// digest nonces, Record-Route marks, flow tokens. A farm of servers shares one
// key file, so that each of them knows the tokens of the others.
package keyring

// A Ring is a list of keys: the newest signs, all of them verify.
type Ring struct{}

// New makes a ring with one random key, for a server that stands alone.
func New() *Ring { panic("stub") }

// Load reads a key file. A file that does not exist is made with one random
// key and mode 0600; one that others can read is an error.
func Load(path string) (*Ring, error) { panic("stub") }

// Sign returns a token of 22 characters, [A-Za-z0-9_-], over purpose and
// parts. Tokens of one purpose never verify for another, and the borders
// between the parts count.
func (r *Ring) Sign(purpose string, parts ...string) string { panic("stub") }

// Verify tells in constant time whether token was signed over the same.
func (r *Ring) Verify(token, purpose string, parts ...string) bool { panic("stub") }
