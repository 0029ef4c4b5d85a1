package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"ubridge/bench"
	"ubridge/internal/api"
	"ubridge/internal/cli"
	"ubridge/internal/config"
	"ubridge/internal/daemon"
	"ubridge/internal/hostnet"
)

// hooks are the verbs that are the daemon itself.
func hooks() cli.Hooks {
	return cli.Hooks{
		Run:         run,
		Demo:        tour,
		Bench:       measure,
		BenchHelper: bench.Help,
		Restore:     restore,
		Doctor:      func(context.Context) []api.Check { return daemon.HostChecks(resolvConf) },

		DoctorUplink: daemon.HostUplinkChecks,
		SetMaster:    hostnet.SetMaster,
	}
}

const resolvConf = "/etc/resolv.conf"

// run is `ubridge run`: configuration, log, daemon.
func run(ctx context.Context, o cli.RunOptions) error {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return configError(err)
	}
	cfg = cfg.Override(o.StateDir, o.RuntimeDir, o.Socket, config.FastPath(o.FastPath))
	live, stop := context.WithCancel(ctx)
	defer stop()
	return daemon.Run(ctx, daemon.Options{
		Config:     cfg,
		Version:    cli.Version(),
		Log:        slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: cfg.LogLevel})),
		ResolvConf: resolvConf,
		Ready: func(b api.Backend) {
			greet(ctx, b, o)
			if o.Status != nil {
				go show(live, b, o.Status)
			}
		},
	})
}

// restore is `ubridge net restore` where no daemon runs.
func restore(o cli.RestoreOptions) (api.Restored, error) {
	cfg, err := config.Load(o.Config)
	if err != nil {
		return api.Restored{}, configError(err)
	}
	return daemon.RestoreNIC(cfg.Override(o.StateDir, "", "", ""), o.NIC)
}

// configError tells a file that may not be read from one that is wrong.
func configError(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return api.Errorf(api.Permission, "%v: run as root (sudo ubridge run)", err)
	}
	return err
}

// greet tells what is up and how a first guest is started.
func greet(ctx context.Context, b api.Backend, o cli.RunOptions) {
	list, err := b.Networks(ctx)
	if err != nil {
		return // the daemon stops already
	}
	var infos []api.NetworkInfo
	for _, n := range list {
		if info, err := b.Network(ctx, n.Name); err == nil {
			infos = append(infos, info)
		}
	}
	o.Ready(infos)
}

// show keeps the live line up to date.
func show(ctx context.Context, b api.Backend, line func(api.Status)) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if s, err := b.Status(ctx); err == nil {
				line(s)
			}
		}
	}
}
