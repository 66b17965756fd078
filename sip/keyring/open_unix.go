//go:build unix

package keyring

import (
	"os"
	"syscall"
)

// checksModes tells whether the file's mode means something here.
const checksModes = true

// openFile opens a key file. A link in its place is refused by the open itself,
// so nothing can be swapped in between a check and the open; and a named pipe
// does not block.
func openFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
}
