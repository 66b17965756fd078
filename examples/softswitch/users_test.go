package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/patchbay-sip/patchbay/sip/digest"
)

func TestReadUsers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "users")
	require.NoError(t, os.WriteFile(file, []byte("# staff\n\nbob:b:c\r\n carol:x \n"), 0o600))

	users, err := readUsers([]string{"alice:secret"}, file)
	require.NoError(t, err)
	require.Equal(t, digest.Passwords{"alice": "secret", "bob": "b:c", "carol": "x"}, users)
}

func TestReadUsersRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		file  string
		want  string
	}{
		"no password":   {flags: []string{"alicehunter2"}, want: "--user: want NAME:PASSWORD"},
		"empty name":    {flags: []string{":hunter2"}, want: "--user: want NAME:PASSWORD"},
		"twice":         {flags: []string{"a:hunter2", "a:hunter2"}, want: `--user: user "a" is given twice`},
		"line in file":  {file: "a:b\nhunter2\n", want: ":2: want NAME:PASSWORD"},
		"twice in file": {flags: []string{"a:hunter2"}, file: "a:hunter2\n", want: ":1: user \"a\" is given twice"},
	} {
		t.Run(name, func(t *testing.T) {
			path := ""
			if c.file != "" {
				path = filepath.Join(t.TempDir(), "users")
				require.NoError(t, os.WriteFile(path, []byte(c.file), 0o600))
			}
			_, err := readUsers(c.flags, path)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2", "an error must not show a password")
		})
	}

	_, err := readUsers(nil, filepath.Join(t.TempDir(), "missing"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
