package pcap

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/patchbay-sip/patchbay/sip/transport"
)

// An Option sets something about a File.
type Option func(*config)

type config struct{ maxBytes int64 }

const defaultMaxBytes = 100 << 20

// WithMaxBytes sets how long a file may become, in bytes, before the next one is
// begun; the default is 100 MiB. There are two files at most.
func WithMaxBytes(n int64) Option { return func(c *config) { c.maxBytes = n } }

// A File is a trace in a file of bounded length. A file that is full is renamed
// from NAME to NAME.1, in the place of the one before it, and NAME begins anew. It
// is for one goroutine: that of Tap.Serve.
type File struct {
	name  string
	cfg   config
	file  *os.File
	size  int64 // now
	empty int64 // without a message
	trace trace
	buf   []byte
	err   error // of the file
}

// ErrNotRegular tells that Create would have to write over what is no file: a
// directory, a link, a device.
var ErrNotRegular = errors.New("pcap: there is something that is no regular file")

// Create begins a file, which its owner alone may read. One that is there is kept
// as NAME.1. The error may be the operating system's or match ErrNotRegular.
func Create(name string, opts ...Option) (*File, error) {
	f := &File{name: name, cfg: config{maxBytes: defaultMaxBytes}}
	for _, o := range opts {
		o(&f.cfg)
	}
	if err := f.begin(); err != nil {
		return nil, err
	}
	return f, nil
}

// Write writes one message; it is in the file when Write returns. A message that
// is too long for a file, or for the datagram that it should have come in, is left
// out: transport.ErrTooLarge. Any other error is the operating system's, and each
// Write after it returns that.
func (f *File) Write(m transport.Tapped) error {
	need := maxBytes(m)
	if f.empty+need > f.cfg.maxBytes || !fits(m) {
		return transport.ErrTooLarge
	}
	if f.err == nil && f.size+need > f.cfg.maxBytes {
		f.err = f.rotate()
	}
	if f.err != nil {
		return f.err
	}
	b := f.trace.append(f.buf[:0], m)
	f.buf = kept(b)
	f.err = f.write(b)
	return f.err
}

// Close closes the file.
func (f *File) Close() error { return f.file.Close() }

func (f *File) rotate() error {
	if err := f.file.Close(); err != nil {
		return err
	}
	return f.begin()
}

// begin opens a new file under the name, and puts the one that is there aside.
func (f *File) begin() error {
	switch there, err := os.Lstat(f.name); {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !there.Mode().IsRegular():
		return fmt.Errorf("%w: %s", ErrNotRegular, f.name)
	default:
		if err := os.Rename(f.name, f.name+".1"); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(f.name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	f.file, f.size = file, 0
	if err := f.write(appendHeader(nil)); err != nil {
		_ = file.Close()
		return err
	}
	f.empty = f.size
	return nil
}

func (f *File) write(b []byte) error {
	n, err := f.file.Write(b)
	f.size += int64(n)
	return err
}
