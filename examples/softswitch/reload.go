package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// onHangup calls reload at each SIGHUP, until the function that it returns is
// called. Without anything to reload SIGHUP still ends the program, as when its
// terminal is closed.
func onHangup(reload func() error, logger *slog.Logger) (stop func()) {
	if reload == nil {
		return func() {}
	}
	hangups, ended := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	go func() {
		defer close(ended)
		for range hangups {
			if err := reload(); err != nil {
				logger.Error("certificate not read again, the one before stays", "err", err)
				continue
			}
			logger.Info("certificate read again")
		}
	}()
	return func() {
		signal.Stop(hangups)
		close(hangups)
		<-ended
	}
}
