package pcap_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/transport"
	"github.com/patchbay-sip/patchbay/sip/transport/pcap"
)

// readFile returns the packets of a file.
func readFile(t testing.TB, name string) []captured {
	t.Helper()
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	return read(t, b)
}

func TestFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "trace")
	require.NoError(t, os.WriteFile(name, []byte("of yesterday"), 0o644))
	f, err := pcap.Create(name)
	require.NoError(t, err)
	kept, err := os.ReadFile(name + ".1")
	require.NoError(t, err)
	require.Equal(t, "of yesterday", string(kept))
	require.Empty(t, readFile(t, name), "a file without messages is one, too")

	require.NoError(t, f.Write(in(flow("udp", "192.0.2.1:5060", "192.0.2.2:5060"), "a")))
	require.Equal(t, "a", readFile(t, name)[0].text, "it is there at once")
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm(), "it holds secrets")

	require.NoError(t, f.Close())
	for range 2 {
		require.ErrorIs(t, f.Write(in(flow("udp", "192.0.2.1:5060", "192.0.2.2:5060"), "b")), os.ErrClosed)
	}
}

// TestFileIsBounded: there are two files at most, none longer than it may be, and
// nothing of what they hold is lost.
func TestFileIsBounded(t *testing.T) {
	const most = 20_000
	name := filepath.Join(t.TempDir(), "trace")
	f, err := pcap.Create(name, pcap.WithMaxBytes(most))
	require.NoError(t, err)
	connection := flow("tls", "192.0.2.1:5061", "192.0.2.2:40000")
	last := 0
	for i := range 200 {
		require.NoError(t, f.Write(in(connection, fmt.Sprintf("%d %s", i, strings.Repeat("x", i*40)))))
		info, err := os.Stat(name)
		require.NoError(t, err)
		require.LessOrEqual(t, info.Size(), int64(most))
		last = i
	}
	require.ErrorIs(t, f.Write(in(connection, strings.Repeat("x", most))), transport.ErrTooLarge)
	require.NoError(t, f.Write(in(connection, "end")), "the next one is written")
	require.NoError(t, f.Close())

	entries, err := os.ReadDir(filepath.Dir(name))
	require.NoError(t, err)
	require.Len(t, entries, 2)
	packets := append(readFile(t, name+".1"), readFile(t, name)...)
	require.Equal(t, "end", packets[len(packets)-1].text)
	packets = packets[:len(packets)-1]
	for i, p := range packets {
		require.True(t, strings.HasPrefix(p.text, fmt.Sprintf("%d ", last-len(packets)+1+i)))
		if i > 0 {
			require.EqualValues(t, len(packets[i-1].text), p.seq-packets[i-1].seq, "the stream goes on")
		}
	}
}

// TestCreateRefuses: what is no file is left alone.
func TestCreateRefuses(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	require.NoError(t, os.WriteFile(target, []byte("precious"), 0o600))
	require.NoError(t, os.Symlink(target, link))
	for _, name := range []string{dir, link, os.DevNull} {
		_, err := pcap.Create(name)
		require.ErrorIs(t, err, pcap.ErrNotRegular)
		require.ErrorContains(t, err, name)
	}
	_, err := pcap.Create(filepath.Join(dir, "missing", "trace"))
	require.ErrorIs(t, err, os.ErrNotExist)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2)
}
