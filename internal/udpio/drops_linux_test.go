package udpio_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/internal/udpio"
)

func TestDropsAreCounted(t *testing.T) {
	server := listen(t, "udp", "127.0.0.1:0", udpio.Options{ReadBuffer: 1})
	client := listen(t, "udp", "127.0.0.1:0", udpio.Options{})
	require.Zero(t, server.Stats())
	const sent = 1000
	_, err := client.Write(numbered(sent, server.LocalAddr()))
	require.NoError(t, err)
	dropped := server.Stats().Overflow
	require.Greater(t, dropped, uint64(sent/2))
	readN(t, server, sent-int(dropped))
	_, err = client.Write(numbered(sent, server.LocalAddr()))
	require.NoError(t, err)
	require.NoError(t, server.Close())
	require.Greater(t, server.Stats().Overflow, dropped, "the count of the moment of Close")
}
