// Package process starts what outlives the lab, and finds it again.
//
// There are no pid files. Every process carries in its environment which instance it belongs to and what it is; the kernel
// keeps that with the process, so nothing can be stale after a crash or a restart of the machine, and no stranger who was
// given a number that was ours is ever killed.
package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// What a process's environment says of it.
const (
	instanceVariable = "SUTRA_LAB_INSTANCE"
	nameVariable     = "SUTRA_LAB_PROCESS"
)

// Environment marks a process of INSTANCE as NAME, on top of this process's own environment.
func Environment(of *instance.Instance, name string) []string {
	kept := []string{instanceVariable + "=" + of.Dir, nameVariable + "=" + name}
	for _, variable := range os.Environ() {
		if !marked(variable) {
			kept = append(kept, variable)
		}
	}
	return kept
}

func marked(variable string) bool {
	for _, name := range []string{instanceVariable, nameVariable} {
		if len(variable) > len(name) && variable[:len(name)+1] == name+"=" {
			return true
		}
	}
	return false
}

// Start runs a program as NAME in a session of its own, so that neither the terminal nor our end reaches it. What it says
// goes to its log.
func Start(of *instance.Instance, name, program string, arguments ...string) error {
	log, err := Log(of, name)
	if err != nil {
		return err
	}
	defer log.Close()
	command := exec.Command(program, arguments...)
	command.Env = Environment(of, name)
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return fmt.Errorf("start %s: %w", name, err)
	}
	pid := command.Process.Pid
	// Else a process that ends while we still run stays a zombie, which looks like life.
	ended := make(chan struct{})
	go func() {
		_ = command.Wait()
		close(ended)
	}()
	waitForMark(of, pid, ended)
	return nil
}

// waitForMark waits until the process can be found. The kernel reports a program as started a moment before its environment
// can be read.
func waitForMark(of *instance.Instance, pid int, ended <-chan struct{}) {
	for !has(environ(pid), instanceVariable, of.Dir) {
		select {
		case <-ended:
			return
		case <-time.After(time.Millisecond):
		}
	}
}

// Log opens a process's log to append to.
func Log(of *instance.Instance, name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(of.Log(name)), 0o755); err != nil {
		return nil, fmt.Errorf("make the logs' directory: %w", err)
	}
	log, err := os.OpenFile(of.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open the log of %s: %w", name, err)
	}
	return log, nil
}

// Find is the process of this name; 0 if it does not run.
func Find(of *instance.Instance, name string) (int, error) {
	found, err := matching(of, func(environment [][]byte) bool { return has(environment, nameVariable, name) })
	found = slices.DeleteFunc(found, isShim)
	if err != nil || len(found) == 0 {
		return 0, err
	}
	// While a process forks, its child has its name too.
	for _, pid := range found {
		if parent, err := Parent(pid); err == nil && !slices.Contains(found, parent) {
			return pid, nil
		}
	}
	return found[0], nil
}

// All are the processes of an instance, those inside of its nodes included.
func All(of *instance.Instance) ([]int, error) {
	return matching(of, func([][]byte) bool { return true })
}

func matching(of *instance.Instance, wanted func([][]byte) bool) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	var found []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		environment := environ(pid)
		if has(environment, instanceVariable, of.Dir) && wanted(environment) {
			found = append(found, pid)
		}
	}
	return found, nil
}

// environ is empty for a process that has ended, a zombie included.
func environ(pid int) [][]byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	return bytes.Split(text, []byte{0})
}

func has(environment [][]byte, name, value string) bool {
	wanted := []byte(name + "=" + value)
	for _, variable := range environment {
		if bytes.Equal(variable, wanted) {
			return true
		}
	}
	return false
}

// Parent is the process that waits for PID.
func Parent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("read the process %d: %w", pid, err)
	}
	// The program's name is in parentheses and may hold anything, so the fields are counted from its end.
	end := bytes.LastIndexByte(text, ')')
	fields := bytes.Fields(text[end+1:])
	if end < 0 || len(fields) < 2 {
		return 0, errors.New("/proc is not readable")
	}
	return strconv.Atoi(string(fields[1]))
}

// isShim tells whether PID stands between containerd and a container: it inherits containerd's environment and outlives it.
func isShim(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return err == nil && bytes.HasPrefix(text, []byte("containerd-shim"))
}
