//go:build !unix

package keyring

import (
	"fmt"
	"os"
)

// checksModes tells whether the file's mode means something here.
const checksModes = false

// openFile opens a key file, which must not be a link.
func openFile(path string) (*os.File, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", path)
	}
	return os.Open(path)
}
