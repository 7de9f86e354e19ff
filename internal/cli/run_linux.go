package cli

import (
	"context"
	"errors"
	"os"

	"golang.org/x/sys/unix"

	"lablab/lab"
	"lablab/ns"
	"lablab/play"
	"lablab/scenario"
)

// onKernel returns the target that runs a scenario on this kernel.
func (f runFlags) onKernel(sc *scenario.Scenario) play.Target {
	return lab.Target{Options: lab.Options{Interval: sc.Interval, Rootless: ns.IsRootless(), Version: version(), KeepOutput: f.execOutput}}
}

// checkRulesets finds mistakes in the rulesets of hosts before anything runs.
func checkRulesets(ctx context.Context, scenarios []*scenario.Scenario) error {
	var errs []error
	for _, sc := range scenarios {
		errs = append(errs, lab.CheckRulesets(ctx, sc))
	}
	return errors.Join(errs...)
}

// needsKernel returns no error: this is Linux.
func needsKernel() error { return nil }

// affords returns an error if the limits of this machine do not allow that many labs at a time.
func affords(labs, hosts int) error { return lab.Affords(0, labs, hosts) }

// elsewhere runs the command in another process in a user namespace, if requested or necessary.
// Then done is true. The process gets the files.
func elsewhere(env Env, rootless string, files ...*os.File) (done bool, code int, err error) {
	switch {
	case ns.IsRootless() && !ns.Powerful():
		// AppArmor let us in here but took away all capabilities.
		return true, 0, lab.ExplainRootless(&ns.RootlessError{Stage: ns.UseUser, Err: unix.EPERM})
	case !ns.IsRootless() && (rootless == "always" || rootless == "auto" && !ns.Powerful()):
		code, err := runRootless(env, files)
		return true, code, err
	}
	return false, 0, nil
}

// runRootless runs this command in another process, in a user namespace.
func runRootless(env Env, files []*os.File) (int, error) {
	if err := lab.Affords(1, 1, fewestHosts); err != nil { // the other process checks again, when it knows what to run
		return 0, err
	}
	twin, err := ns.Rootless(files...)
	if err != nil {
		return 0, lab.ExplainRootless(err)
	}
	ctx, cancel := env.interruptibleFor(10 * grace) // the other process ends by itself
	defer cancel()
	relay := make(chan os.Signal, 1)
	defer context.AfterFunc(ctx, func() {
		var i interrupt
		if errors.As(context.Cause(ctx), &i) {
			relay <- i.signal
		}
	})()
	code, err := twin.Wait(relay)
	if err != nil {
		return 0, &brokenError{err: err}
	}
	return code, nil
}

// fewestHosts is how many hosts a lab has at least.
const fewestHosts = 2
