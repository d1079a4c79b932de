// Package host keeps what all instances on this machine share: which there are, and the kernel settings that they change.
package host

import (
	"fmt"
	"net"
	"time"
)

// Machine is the lock of what instances share; an instance's own is its name.
const Machine = ""

// patience is longer than anything that is done under a lock but an instance's start.
const patience = 2 * time.Minute

// Locked runs ACTION while no other lab does anything under the same lock. A lock is an abstract socket: it belongs to the
// network namespace, as the things do that it guards, and the kernel takes it away with whoever held it.
func Locked(lock string, action func() error) error {
	for started := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		socket, err := net.Listen("unix", "@sutra-lab/"+lock)
		if err == nil {
			defer socket.Close()
			return action()
		}
		if time.Since(started) > patience {
			return fmt.Errorf("another lab command has been at work for %s: wait for it, or end it", patience)
		}
	}
}
