# make check     what a change has to pass before anything else
# make interop   calls between real programs (see CONTRIBUTING.md for them)
# make fuzz      every fuzz target, FUZZTIME each
# make bench     benchmarks, BENCH (a pattern) COUNT times each
# make cover     coverage.out, and the total
# make long      the hours' work: long fuzzing, repeated tests

FUZZTIME ?= 30s
BENCH    ?= .
COUNT    ?= 6

GO   ?= go
TOOL := $(GO) tool -modfile=tools/go.mod

.PHONY: check fmt vet lint vuln test interop fuzz bench cover long

check: fmt vet lint vuln test

fmt:
	@files=$$(gofmt -l .); test -z "$$files" || { echo "gofmt has something to say about:"; echo "$$files"; exit 1; }

vet:
	$(GO) vet ./...
	$(GO) vet -tags interop ./interop/...

lint:
	$(TOOL) golangci-lint run ./...

vuln:
	@GO="$(GO)" tools/vulncheck

test:
	$(GO) test -race -shuffle=on ./...

interop:
	$(GO) test -tags interop -count=1 -timeout 15m -v ./interop/...

fuzz:
	@GO="$(GO)" tools/fuzz $(FUZZTIME)

bench:
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) ./...

cover:
	$(GO) test -coverprofile=coverage.out -coverpkg=./... ./...
	$(GO) tool cover -func=coverage.out | tail -1

long:
	$(MAKE) fuzz FUZZTIME=10m
	$(GO) test -race -shuffle=on -count=20 -timeout 60m ./...
