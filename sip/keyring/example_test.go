package keyring_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchbay-sip/patchbay/sip/keyring"
)

func ExampleNew() {
	keys := keyring.New()
	token := keys.Sign("flow", "udp", "192.0.2.9:5060")
	fmt.Println(len(token), keys.Verify(token, "flow", "udp", "192.0.2.9:5060"))
	fmt.Println(keys.Verify(token, "flow", "tcp", "192.0.2.9:5060"))
	// Output:
	// 22 true
	// false
}

func ExampleLoad() {
	dir, err := os.MkdirTemp("", "keys")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	// The first server of a farm makes the file, the second one reads it.
	path := filepath.Join(dir, "patchbay.keys")
	one, err := keyring.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	two, err := keyring.Load(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(two.Verify(one.Sign("digest-nonce", "example.com"), "digest-nonce", "example.com"))
	// Output: true
}
