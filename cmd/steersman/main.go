// Command steersman operates software: it takes in what services say about
// themselves, explains what is wrong, proposes what to do, does it when a
// person agrees, and proves every step.
//
// Main reads the command line and the configuration, wires the rooms (package
// wire), runs and stops them. It decides nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/steersman-ops/steersman/cmd/steersman/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := Main(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Main is the program with its surroundings as arguments. It returns the exit
// code: 0 fine, 1 found something or refused, 2 could not run.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "steersman",
		Short:         "You set the course; Steersman keeps it.",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(up(), worker(), replay(), demonstrate(), demoService(), trials(), version())
	root.AddCommand(cli.Commands()...)
	err := root.ExecuteContext(ctx)
	if exit := cli.Exit(0); err != nil && !errors.As(err, &exit) {
		fmt.Fprintf(stderr, "steersman: %v\n", err)
	}
	return cli.Code(err)
}
