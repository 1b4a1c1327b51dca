package shop

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// cpuSeconds returns the processor time that this process has used.
func cpuSeconds() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// residentBytes returns the memory that this process has, as the system counts
// it; 0 where the system does not say.
func residentBytes() int64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// observeProcess reports the process and the pool each time that metrics are
// collected.
func (s *service) observeProcess(provider *sdkmetric.MeterProvider) error {
	m := provider.Meter("github.com/steersman-ops/steersman/demo/shop")
	var err error
	counter := func(name, unit, help string) metric.Float64ObservableCounter {
		c, e := m.Float64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(help))
		err = firstOf(err, e)
		return c
	}
	gauge := func(name, unit, help string) metric.Int64ObservableGauge {
		g, e := m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(help))
		err = firstOf(err, e)
		return g
	}
	cpu := counter("process.cpu.time", "s", "Processor time used.")
	memory := gauge("process.memory.usage", "By", "Resident memory.")
	goroutines := gauge("go.goroutine.count", "{goroutine}", "Goroutines.")
	busy := gauge("shop.pool.busy", "{request}", "Requests that are worked on.")
	waiting := gauge("shop.pool.waiting", "{request}", "Requests that wait for a place in the pool.")
	limit := gauge("shop.pool.limit", "{request}", "Places in the pool.")
	if err != nil {
		return fmt.Errorf("shop: %s: metrics: %w", s.cfg.Instance, err)
	}
	_, err = m.RegisterCallback(func(_ context.Context, o metric.Observer) error {
		o.ObserveFloat64(cpu, cpuSeconds())
		o.ObserveInt64(memory, residentBytes())
		o.ObserveInt64(goroutines, int64(runtime.NumGoroutine()))
		o.ObserveInt64(busy, int64(len(s.pool)))
		o.ObserveInt64(waiting, s.waiting.Load())
		o.ObserveInt64(limit, poolSize)
		return nil
	}, cpu, memory, goroutines, busy, waiting, limit)
	if err != nil {
		return fmt.Errorf("shop: %s: metrics: %w", s.cfg.Instance, err)
	}
	return nil
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
