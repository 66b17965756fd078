module github.com/patchbay-sip/patchbay

go 1.26
