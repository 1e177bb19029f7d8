package stack

import (
	"context"
	"errors"
	"fmt"

	"strowger/cloud"
	"strowger/switchnode"
)

// part is one role that runs.
type part struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// stop ends a role and waits for it.
func (p *part) stop() {
	p.cancel()
	<-p.done
}

// run starts a role; its failure ends the stack.
func (s *Stack) run(name string, role func(context.Context) error) *part {
	ctx, cancel := context.WithCancel(s.ctx)
	p := &part{cancel: cancel, done: make(chan struct{})}
	s.parts.Go(func() {
		defer close(p.done)
		defer cancel()
		err := role(ctx)
		if err == nil && ctx.Err() == nil {
			err = errors.New("stopped by itself")
		}
		if err != nil {
			s.cancel(fmt.Errorf("%s: %w", name, err))
		}
	})
	return p
}

// runCloud runs the cloud and waits until it serves.
func (s *Stack) runCloud() error {
	cfg := s.cloudConfig
	started := make(chan cloud.Started, 1)
	cfg.Started = func(c cloud.Started) { started <- c }
	s.cloud = s.run("cloud", func(ctx context.Context) error { return cloud.Run(ctx, cfg) })
	select {
	case s.Cloud = <-started:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// runNode starts a role that is to stop before the cloud.
func (s *Stack) runNode(name string, role func(context.Context) error) *part {
	p := s.run(name, role)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = append(s.nodes, p)
	return p
}

// runSwitch runs the switch of an office and waits until it serves.
func (s *Stack) runSwitch(o *Office) error {
	cfg := o.config
	started := make(chan switchnode.Started, 1)
	cfg.Started = func(n switchnode.Started) { started <- n }
	if len(s.cfg.NATS) == 0 {
		cfg.Fabric = []string{s.Cloud.Fabric} // it may have moved since the switch enrolled
	}
	o.part = s.runNode("switch "+o.Switch.Name, func(ctx context.Context) error { return switchnode.Run(ctx, cfg) })
	select {
	case o.Started = <-started:
		return nil
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// StopCloud stops the cloud and waits for it; the offices go on.
func (s *Stack) StopCloud() { s.cloud.stop() }

// StartCloud starts the cloud again, on the same data and addresses.
func (s *Stack) StartCloud() error { return s.runCloud() }

// StopSwitch stops the switch of an office and waits for it.
func (s *Stack) StopSwitch(office int) { s.Offices[office].part.stop() }

// StartSwitch starts the switch of an office again, on the same data and addresses.
func (s *Stack) StartSwitch(office int) error { return s.runSwitch(&s.Offices[office]) }
