package cli

import (
	"context"
	"errors"

	"lablab/lab"
	"lablab/render"
)

// doctor examines the machine, directly or in a user namespace, and returns the exit code. If
// neither works, that is a finding, not an error.
func doctor(env Env, f doctorFlags) (int, error) {
	done, code, err := elsewhere(env, f.rootless)
	var noWay *lab.Unable
	switch {
	case errors.As(err, &noWay):
	case done || err != nil:
		return code, err
	}
	ctx, cancel := env.interruptible()
	defer cancel()
	d := lab.Diagnose(ctx, err)
	if ctx.Err() != nil {
		return 0, failure(ctx, context.Cause(ctx))
	}
	if err := writeDiagnosis(env, f, diagnosisOf(d)); err != nil {
		return 0, broken(err)
	}
	if !d.Able() {
		return exitUnable, nil
	}
	return exitHeld, nil
}

func writeDiagnosis(env Env, f doctorFlags, d *render.Diagnosis) error {
	if f.format == "json" {
		return writeJSON(env.Stdout, d)
	}
	return newText(env, f.colour).Diagnosis(d)
}

// diagnosisOf converts a diagnosis into its report.
func diagnosisOf(d lab.Diagnosis) *render.Diagnosis {
	shown := &render.Diagnosis{Able: d.Able(), Kernel: d.Kernel, Rootless: d.Rootless, Run: lab.Command("run")}
	for _, f := range d.Findings {
		shown.Checks = append(shown.Checks, render.Ability{Name: f.Name, Status: string(f.Status), Found: f.Found, Hint: f.Hint, Needed: f.Needed})
	}
	return shown
}
