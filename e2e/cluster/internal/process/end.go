package process

import (
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Signal sends a signal to the process of this name. It is not an error that there is none; whether there was is told.
func Signal(of *instance.Instance, name string, signal syscall.Signal) (bool, error) {
	pid, err := Find(of, name)
	if err != nil || pid == 0 {
		return false, err
	}
	return true, send(of, pid, signal)
}

// send holds on to the process before it looks once more: the number cannot go to another one between.
func send(of *instance.Instance, pid int, signal syscall.Signal) error {
	process, err := os.FindProcess(pid)
	if err != nil {
		return nil
	}
	defer process.Release()
	if !has(environ(pid), instanceVariable, of.Dir) {
		return nil
	}
	if err := process.Signal(signal); err != nil && !isGone(err) {
		return fmt.Errorf("signal the process %d: %w", pid, err)
	}
	return nil
}

func isGone(err error) bool { return err == os.ErrProcessDone || err == syscall.ESRCH }

// End asks the process of this name to end, makes it after PATIENCE, and waits until it is gone.
func End(of *instance.Instance, name string, patience time.Duration) error {
	there, err := Signal(of, name, syscall.SIGTERM)
	if err != nil || !there {
		return err
	}
	killed := false
	for started := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		pid, err := Find(of, name)
		if err != nil || pid == 0 {
			return err
		}
		if time.Since(started) < patience {
			continue
		}
		if time.Since(started) > patience+10*time.Second {
			return fmt.Errorf("%s (process %d) does not end", name, pid)
		}
		if !killed {
			killed = true
			if err := send(of, pid, syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
}

// KillAll ends every process of the instance, at once and without asking, and waits until they are gone.
func KillAll(of *instance.Instance) error {
	// One look is not enough: a process that is just starting cannot be told from a stranger for a moment.
	for started, quiet := time.Now(), 0; quiet < 3; time.Sleep(10 * time.Millisecond) {
		pids, err := All(of)
		if err != nil {
			return err
		}
		if len(pids) == 0 {
			quiet++
			continue
		}
		quiet = 0
		if time.Since(started) > 20*time.Second {
			return fmt.Errorf("the processes %v do not end", pids)
		}
		for _, pid := range pids {
			if err := send(of, pid, syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
	return nil
}
