package udpio

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestWhichErrorsAreTold: RFC 3261 section 18.4, for one, wants time exceeded
// to be ignored.
func TestWhichErrorsAreTold(t *testing.T) {
	for _, c := range []struct {
		origin, kind uint8
		errno        unix.Errno
		told         bool
	}{
		{unix.SO_EE_ORIGIN_ICMP, 3, unix.ECONNREFUSED, true},
		{unix.SO_EE_ORIGIN_ICMP, 3, unix.EHOSTUNREACH, true},
		{unix.SO_EE_ORIGIN_ICMP, 3, unix.EMSGSIZE, false},
		{unix.SO_EE_ORIGIN_ICMP, 11, unix.EHOSTUNREACH, false},
		{unix.SO_EE_ORIGIN_ICMP, 12, unix.EPROTO, true},
		{unix.SO_EE_ORIGIN_ICMP6, 1, unix.ECONNREFUSED, true},
		{unix.SO_EE_ORIGIN_ICMP6, 2, unix.EMSGSIZE, false},
		{unix.SO_EE_ORIGIN_ICMP6, 3, unix.EHOSTUNREACH, false},
		{unix.SO_EE_ORIGIN_LOCAL, 0, unix.EHOSTUNREACH, false},
	} {
		e := unix.SockExtendedErr{Errno: uint32(c.errno), Origin: c.origin, Type: c.kind}
		require.Equal(t, c.told, arrivesNot(&e), "%+v", c)
	}
}
