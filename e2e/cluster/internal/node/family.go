package node

import (
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/process"
)

// respite is the pause before a child that ended is started again.
const respite = 300 * time.Millisecond

// family is what PID 1 looks after: its children, started again when they end, and the orphans that it inherits.
type family struct {
	of   *instance.Instance
	node instance.Node
	// mutex makes starting a child and noting its number one step: else it could be reaped between.
	mutex sync.Mutex
	ended map[int]chan struct{}
}

func newFamily(of *instance.Instance, node instance.Node) *family {
	return &family{of: of, node: node, ended: map[int]chan struct{}{}}
}

// reap takes every process that has ended, which only PID 1 can do for orphans.
func (f *family) reap() {
	for {
		pid, err := syscall.Wait4(-1, nil, 0, nil)
		if err == syscall.ECHILD {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		if err != nil {
			continue
		}
		f.mutex.Lock()
		if ended, child := f.ended[pid]; child {
			delete(f.ended, pid)
			close(ended)
		}
		f.mutex.Unlock()
	}
}

// keep starts a child and starts it again whenever it ends, unless somebody wants it stopped. It never returns.
func (f *family) keep(name, program string, arguments ...string) {
	for {
		for exists(StopFile(f.of, f.node, name)) {
			time.Sleep(50 * time.Millisecond)
		}
		ended, err := f.start(name, program, arguments...)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s does not start: %v\n", name, err)
		} else {
			<-ended
			fmt.Fprintf(os.Stderr, "%s ended\n", name)
		}
		time.Sleep(respite)
	}
}

func (f *family) start(name, program string, arguments ...string) (<-chan struct{}, error) {
	full := f.node.Name + "/" + name
	log, err := process.Log(f.of, full)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	command := exec.Command(program, arguments...)
	command.Env = process.Environment(f.of, full)
	command.Dir = "/"
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	f.ended[command.Process.Pid] = ended
	return ended, command.Process.Release()
}

// StopFile is there for as long as a child of the node shall not be started again.
func StopFile(of *instance.Instance, node instance.Node, child string) string {
	return of.NodePath(node.Name, "stopped-"+child)
}
