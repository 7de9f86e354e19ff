package cli

import (
	"context"
	"errors"

	"lablab/enforce"
	"lablab/lab"
	"lablab/sg"
)

// askKernel sends one packet to a host that has a group.
func askKernel(ctx context.Context, account *sg.Account, group *sg.Group, packet lab.Probe) (lab.Judgement, error) {
	if err := lab.Affords(0, 1, fewestHosts); err != nil {
		return lab.Judgement{}, err
	}
	prober, err := lab.NewProber(ctx, enforce.Host{Account: account, Groups: []*sg.Group{group}})
	if err != nil {
		return lab.Judgement{}, err
	}
	judgements, err := prober.Ask(ctx, []lab.Probe{packet})
	if err := errors.Join(err, prober.Close()); err != nil {
		return lab.Judgement{}, err
	}
	return judgements[0], nil
}
