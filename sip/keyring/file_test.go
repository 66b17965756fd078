package keyring_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/keyring"
)

// bytesOf is a key of 32 equal bytes, key the same in base64.
func bytesOf(c byte) string { return strings.Repeat(string(c), 32) }
func key(c byte) string     { return base64.StdEncoding.EncodeToString([]byte(bytesOf(c))) }

func keyFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func TestLoadMakesTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys")
	a, err := keyring.Load(path)
	require.NoError(t, err)

	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, left, 1, "no temporary file is left")

	b, err := keyring.Load(path)
	require.NoError(t, err)
	require.True(t, b.Verify(a.Sign("p", "x"), "p", "x"), "a second server knows the token")
}

func TestLoadByManyAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	rings := make([]*keyring.Ring, 16)
	var wg sync.WaitGroup
	for i := range rings {
		wg.Go(func() {
			r, err := keyring.Load(path)
			if err != nil {
				t.Error(err)
			}
			rings[i] = r
		})
	}
	wg.Wait()
	token := rings[0].Sign("p")
	for _, r := range rings {
		require.True(t, r.Verify(token, "p"))
	}
}

func TestLoadFormat(t *testing.T) {
	urlKey := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("\xfb\xff", 16)))
	for _, tc := range []struct{ name, content, wrong string }{
		{"one key", key('a') + "\n", ""},
		{"no last newline", key('a'), ""},
		{"comments, blank lines, CRLF", "# keys\r\n\r\n  " + key('a') + "  \r\n#\n" + key('b') + "\n", ""},
		{"other alphabet, no padding", urlKey, ""},
		{"shortest key", base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 16))), ""},
		{"eight keys", strings.Repeat(key('a')+"\n", 8), ""},
		{"nine keys", strings.Repeat(key('a')+"\n", 9), "line 9: more than 8 keys"},
		{"empty", "", "no key in it"},
		{"only comments", "# here they come\n", "no key in it"},
		{"no base64", "# x\nnot a key!\n", "line 2: not base64"},
		{"short key", base64.StdEncoding.EncodeToString([]byte("15 bytes of key")), "line 1: a key of 15 bytes; want 16 to 64"},
		{"long key", base64.StdEncoding.EncodeToString(make([]byte, 65)), "line 1: a key of 65 bytes; want 16 to 64"},
		{"huge", strings.Repeat("#\n", 10_000), "larger than 16384 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := keyring.Load(keyFile(t, tc.content))
			if tc.wrong == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.wrong)
			}
		})
	}
}

func TestErrorsHoldNoKey(t *testing.T) {
	_, err := keyring.Load(keyFile(t, "c2VjcmV0c2VjcmV0c2VjcmV0!\n"))
	require.Error(t, err)
	require.NotContains(t, err.Error(), "c2Vjcm")
}

func TestLoadRefuses(t *testing.T) {
	good := key('a') + "\n"
	for _, tc := range []struct {
		name string
		make func(t *testing.T) string
	}{
		{"readable by the group", func(t *testing.T) string {
			path := keyFile(t, good)
			require.NoError(t, os.Chmod(path, 0o640))
			return path
		}},
		{"readable by others", func(t *testing.T) string {
			path := keyFile(t, good)
			require.NoError(t, os.Chmod(path, 0o604))
			return path
		}},
		{"a link to a good file", func(t *testing.T) string {
			path := keyFile(t, good)
			require.NoError(t, os.Symlink(path, path+".link"))
			return path + ".link"
		}},
		{"a link to nothing", func(t *testing.T) string {
			path := filepath.Join(t.TempDir(), "keys")
			require.NoError(t, os.Symlink(path+".elsewhere", path))
			return path
		}},
		{"a folder", func(t *testing.T) string { return t.TempDir() }},
		{"in a folder that is not there", func(t *testing.T) string {
			return filepath.Join(t.TempDir(), "none", "keys")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := tc.make(t)
			_, err := keyring.Load(path)
			require.Error(t, err)
			require.NoFileExists(t, path+".elsewhere")
		})
	}
}

// Two servers of a farm: neither ever makes a token that is strange to the
// other, although they read the file at different times.
func TestRotateInAFarm(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys")
	a, err := keyring.Load(path)
	require.NoError(t, err)
	b, err := keyring.Load(path)
	require.NoError(t, err)
	agree := func(when string) {
		t.Helper()
		require.True(t, b.Verify(a.Sign("p", "x"), "p", "x"), "b knows a's, %s", when)
		require.True(t, a.Verify(b.Sign("p", "x"), "p", "x"), "a knows b's, %s", when)
	}
	first := a.Sign("p", "first")
	for range 6 {
		require.NoError(t, a.Rotate())
		agree("after a rotated")
		require.NoError(t, b.Reload())
		agree("after b reloaded")
		require.True(t, b.Verify(first, "p", "first"))
	}
	require.NotEqual(t, first, a.Sign("p", "first"), "another key signs by now")

	info, err := os.Lstat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}

func TestReloadKeepsTheKeysAfterAnError(t *testing.T) {
	path := keyFile(t, key('a')+"\n")
	r, err := keyring.Load(path)
	require.NoError(t, err)
	token := r.Sign("p")

	require.NoError(t, os.WriteFile(path, []byte("rubbish!\n"), 0o600))
	require.Error(t, r.Reload())
	require.Error(t, r.Rotate())
	require.True(t, r.Verify(token, "p"))
	require.Equal(t, token, r.Sign("p"))
}
