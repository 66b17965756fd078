package storetest_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/patchbay-sip/patchbay/registrar"
	"github.com/patchbay-sip/patchbay/registrar/storetest"
)

func ExampleRun() {
	var t *testing.T // that of your own TestStore

	storetest.Run(t, func(t *testing.T) registrar.Store {
		return registrar.NewMemory() // yours
	})
}

func ExampleChecks() {
	for name, check := range storetest.Checks() {
		if err := check(context.Background(), registrar.NewMemory()); err != nil {
			fmt.Println(name, err)
		}
	}
	// Output:
}
