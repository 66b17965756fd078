package digest

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"
)

// A nonce is the second it was made in and 64 random bits, both in hex, and a
// token of the key ring over these and the realm. So every server that has the
// keys knows it for its own, or for one of a server it shares them with.
const (
	nonceTime = 8
	nonceHead = nonceTime + 16
	nonceSize = nonceHead + 22
	// noncePurpose separates nonces from other tokens of the same keys.
	noncePurpose = "digest-nonce"
	// maxSkew is how far the clocks of a farm may be apart.
	maxSkew = 30 * time.Second
)

// newNonce makes a nonce for a realm.
func (s *Server) newNonce(realm string) string {
	var b [nonceHead / 2]byte
	binary.BigEndian.PutUint32(b[:], uint32(time.Now().Unix()))
	rand.Read(b[nonceTime/2:]) // never fails
	head := hex.EncodeToString(b[:])
	return head + s.keys.Sign(noncePurpose, realm, head)
}

// fresh tells whether nonce was made for realm by someone who has the keys, and
// no longer ago than a nonce lives. One from the future is not fresh.
func (s *Server) fresh(nonce, realm string) bool {
	if len(nonce) != nonceSize {
		return false
	}
	head, token := nonce[:nonceHead], nonce[nonceHead:]
	made, err := strconv.ParseUint(head[:nonceTime], 16, 32)
	if err != nil {
		return false
	}
	age := time.Since(time.Unix(int64(made), 0))
	return age >= -maxSkew && age <= s.lifetime && s.keys.Verify(token, noncePurpose, realm, head)
}
