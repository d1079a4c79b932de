package network

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// bridged tells whether frames between two ports of a bridge pass through this machine's iptables.
const bridged = "/proc/sys/net/bridge/bridge-nf-call-iptables"

// OpenFirewall lets frames pass between the nodes where Docker, say, has made this machine drop what it forwards.
func OpenFirewall(of *instance.Instance) error {
	text, err := os.ReadFile(bridged)
	if err != nil || strings.TrimSpace(string(text)) != "1" {
		return nil
	}
	if iptables("-C", rule(of)) == nil {
		return nil
	}
	if err := iptables("-I", rule(of)); err != nil {
		return fmt.Errorf("let frames pass between the nodes: %w", err)
	}
	return nil
}

// CloseFirewall takes the rule away again, as often as it is there.
func CloseFirewall(of *instance.Instance) error {
	if _, err := exec.LookPath("iptables"); err != nil {
		return nil
	}
	for iptables("-C", rule(of)) == nil {
		if err := iptables("-D", rule(of)); err != nil {
			return fmt.Errorf("take the firewall's rule away: %w", err)
		}
	}
	return nil
}

func rule(of *instance.Instance) []string {
	return []string{"FORWARD", "-i", of.Bridge(), "-o", of.Bridge(), "-j", "ACCEPT"}
}

func iptables(action string, rule []string) error {
	// Another program may hold iptables' lock for a moment.
	said, err := exec.Command("iptables", append([]string{"-w", "10", action}, rule...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("iptables %s: %w: %s", action, err, strings.TrimSpace(string(said)))
	}
	return nil
}
