// Softswitch is a SIP server for an office: a registrar and a proxy in one
// program, with nothing to set up. Without arguments it listens on port 5060
// and serves the phones of its own network.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type commandLine struct {
	LogLevel slog.Level       `help:"What to log: debug, info, warn or error." default:"info"`
	Version  kong.VersionFlag `help:"Print the version."`

	Serve serveCommand `cmd:"" default:"withargs" help:"Run the server (the default command)."`
}

// exitCode is how kong's --help and --version leave the parser.
type exitCode int

// run is the program; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (status int) {
	defer func() {
		switch code := recover().(type) {
		case nil:
		case exitCode:
			status = int(code)
		default:
			panic(code)
		}
	}()
	var cli commandLine
	parser, err := kong.New(&cli,
		kong.Name("softswitch"),
		kong.Description("A SIP server for an office: registrar and proxy in one program."),
		kong.Vars{"version": version()},
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exitCode(code)) }),
		kong.Help(help),
	)
	if err != nil {
		return fail(stderr, err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return fail(stderr, err)
	}
	logger := slog.New(slog.NewTextHandler(stderr, &slog.HandlerOptions{Level: cli.LogLevel}))
	command.BindTo(ctx, (*context.Context)(nil))
	command.BindTo(stdout, (*io.Writer)(nil))
	if err := command.Run(logger); err != nil && !errors.Is(err, context.Canceled) {
		return fail(stderr, err)
	}
	return 0
}

// fail says what went wrong in one line; it returns the exit status. Where even
// that cannot be written, the status has to do.
func fail(stderr io.Writer, err error) int {
	_, _ = fmt.Fprintln(stderr, "softswitch:", err)
	return 1
}

// help shows the flags of serve where no command is named, since they work
// there.
func help(options kong.HelpOptions, c *kong.Context) error {
	if c.Selected() == nil {
		for _, command := range c.Model.Children {
			if command == c.Model.DefaultCmd {
				c.Path = append(c.Path, &kong.Path{Parent: c.Model.Node, Command: command})
			}
		}
	}
	return kong.DefaultHelpPrinter(options, c)
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "softswitch (unknown version)"
	}
	return "softswitch " + info.Main.Version
}
