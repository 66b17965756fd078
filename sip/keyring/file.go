package keyring

import (
	"bufio"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// maxFile bounds the bytes of a key file that are read.
const maxFile = 16 << 10

// header begins each file that this package writes.
const header = `# Keys that sign nonces and tokens. Keep secret; the same on every server.
# One key a line in base64, the newest first. All verify; the second signs, or
# the only one.
`

// Load reads a key file. A file that does not exist is made with one random
// key and mode 0600; when several servers do so at once, all of them get the
// same key.
//
// The file holds one key a line, 16 to 64 bytes in base64 (either alphabet),
// the newest first, at most 8. Empty lines and lines that begin with # do not
// count. It must be a regular file, not a symbolic link, that nobody but its
// owner can read or write; what is wrong with it is the error, which never
// holds anything of a key.
func Load(path string) (*Ring, error) {
	r := &Ring{path: path}
	secrets, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createFile(path, []string{newSecret()}); err != nil {
			return nil, err
		}
		secrets, err = readFile(path)
	}
	if err != nil {
		return nil, err
	}
	r.set(secrets)
	return r, nil
}

// Reload reads the file again, after another server has rotated it or an
// operator has edited it. After an error the ring keeps the keys that it has.
// A ring that was made by New returns ErrNoFile.
func (r *Ring) Reload() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == "" {
		return ErrNoFile
	}
	secrets, err := readFile(r.path)
	if err != nil {
		return err
	}
	r.set(secrets)
	return nil
}

// Rotate puts a new key in front, lets the one that was newest sign, and drops
// what is older than the eighth. A ring with a file reads the file first and
// writes it back.
//
// In a farm one server rotates, and every other one calls Reload before it
// rotates again. A token verifies for at least six rotations after it was made.
func (r *Ring) Rotate() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var secrets []string
	if r.path == "" {
		for _, k := range r.keys.Load().all {
			secrets = append(secrets, k.secret)
		}
	} else {
		var err error
		if secrets, err = readFile(r.path); err != nil {
			return err
		}
	}
	secrets = append([]string{newSecret()}, secrets...)
	secrets = secrets[:min(len(secrets), maxKeys)]
	if r.path != "" {
		if err := replaceFile(r.path, secrets); err != nil {
			return err
		}
	}
	r.set(secrets)
	return nil
}

// readFile reads the keys of a file that is fit to hold secrets.
func readFile(path string) ([]string, error) {
	f, err := openFile(path)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("keyring: %s: not a regular file", path)
	case info.Mode().Perm()&0o077 != 0 && checksModes:
		return nil, fmt.Errorf("keyring: %s: mode %04o lets others at the keys; chmod 600", path, info.Mode().Perm())
	case info.Size() > maxFile:
		return nil, fmt.Errorf("keyring: %s: larger than %d bytes", path, maxFile)
	}
	secrets, err := parse(io.LimitReader(f, maxFile))
	if err != nil {
		return nil, fmt.Errorf("keyring: %s: %w", path, err)
	}
	return secrets, nil
}

func parse(r io.Reader) ([]string, error) {
	var secrets []string
	s := bufio.NewScanner(r)
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		secret, err := decodeKey(line)
		switch {
		case err != nil:
			return nil, fmt.Errorf("line %d: not base64", n) // err would quote the key
		case len(secret) < minKeySize || len(secret) > maxKeySize:
			return nil, fmt.Errorf("line %d: a key of %d bytes; want %d to %d", n, len(secret), minKeySize, maxKeySize)
		case len(secrets) == maxKeys:
			return nil, fmt.Errorf("line %d: more than %d keys", n, maxKeys)
		}
		secrets = append(secrets, string(secret))
	}
	if err := s.Err(); err != nil {
		return nil, err
	}
	if len(secrets) == 0 {
		return nil, errors.New("no key in it")
	}
	return secrets, nil
}

// decodeKey takes base64 in either alphabet, padded or not.
func decodeKey(s string) ([]byte, error) {
	s = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(s, "="))
	return base64.RawStdEncoding.DecodeString(s)
}

// createFile makes the file unless it is there by then, which is no error: the
// link is atomic, so of two servers that start at once one wins, and nobody
// ever reads a file that is half written.
func createFile(path string, secrets []string) error {
	tmp, err := writeTemp(path, secrets)
	if err != nil {
		return err
	}
	defer os.Remove(tmp)
	if err := os.Link(tmp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// replaceFile replaces the file in one step.
func replaceFile(path string, secrets []string) error {
	tmp, err := writeTemp(path, secrets)
	if err != nil {
		return err
	}
	if err := os.Rename(tmp, path); err != nil {
		os.Remove(tmp)
		return fmt.Errorf("keyring: %w", err)
	}
	return nil
}

// writeTemp writes a file of mode 0600 beside path, with O_EXCL and a random
// name (os.CreateTemp), so that nobody can have put a link there.
func writeTemp(path string, secrets []string) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return "", fmt.Errorf("keyring: %w", err)
	}
	var b strings.Builder
	b.WriteString(header)
	for _, s := range secrets {
		b.WriteString(base64.StdEncoding.EncodeToString([]byte(s)) + "\n")
	}
	_, err = f.WriteString(b.String())
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		os.Remove(f.Name())
		return "", fmt.Errorf("keyring: %w", err)
	}
	return f.Name(), nil
}
