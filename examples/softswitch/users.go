package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"

	"github.com/patchbay-sip/patchbay/sip/digest"
)

// readUsers gathers the users of the command line and of the file. No error
// shows a password.
func readUsers(flags []string, file string) (digest.Passwords, error) {
	users := make(digest.Passwords)
	for _, f := range flags {
		if err := addUser(users, f); err != nil {
			return nil, fmt.Errorf("--user: %w", err)
		}
	}
	if file == "" {
		return users, nil
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--users-file: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if err := addUser(users, line); err != nil {
			return nil, fmt.Errorf("--users-file: %s:%d: %w", file, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("--users-file: %w", err)
	}
	return users, nil
}

func addUser(users digest.Passwords, entry string) error {
	name, password, ok := strings.Cut(entry, ":")
	if !ok || name == "" || password == "" {
		return fmt.Errorf("want NAME:PASSWORD")
	}
	if _, twice := users[name]; twice {
		return fmt.Errorf("user %q is given twice", name)
	}
	users[name] = password
	return nil
}
