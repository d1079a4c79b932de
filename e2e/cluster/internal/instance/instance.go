// Package instance says what one cluster is: its name, its directory and its addresses. It touches nothing but its own file.
package instance

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// MaxNodes is how many nodes' pods the address range has room for.
const MaxNodes = 8

// File is written before anything else is made: whoever takes an instance down knows by it that the directory is ours.
const File = "instance.json"

// Eight characters, as a link's name has at most fifteen and ours are made from it.
var validName = regexp.MustCompile(`^[a-z][a-z0-9]{0,7}$`)

// hidden are the folders that a node covers with its own: an instance's directory below them would be out of its sight.
var hidden = []string{"/run", "/var/run", "/var/lib", "/var/log", "/sys", "/proc", "/dev"}

// Instance is one cluster on this machine.
type Instance struct {
	// Name is part of the names of links and cgroups, so that several instances can run at once.
	Name string `json:"name"`
	// Dir holds everything that the instance writes, the nodes' file systems and volumes included.
	Dir string `json:"dir"`
	// Slot numbers the address range.
	Slot int `json:"slot"`
	// Nodes is how many there are.
	Nodes int `json:"nodes"`
	// Programs is the directory of kube, lab and pause.
	Programs string `json:"programs"`
}

// New checks what was asked for. The slot is chosen later, when the machine's routes are known.
func New(name, dir, programs string, nodes int) (*Instance, error) {
	if !validName.MatchString(name) {
		return nil, fmt.Errorf("the name %q will not do: at most 8 lower-case letters and digits, a letter first", name)
	}
	if nodes < 1 || nodes > MaxNodes {
		return nil, fmt.Errorf("%d nodes will not do: 1 to %d", nodes, MaxNodes)
	}
	dir, err := directory(dir)
	if err != nil {
		return nil, err
	}
	return &Instance{Name: name, Dir: dir, Nodes: nodes, Programs: programs}, nil
}

func directory(dir string) (string, error) {
	if dir == "" {
		return "", errors.New("name the instance's directory: --dir DIR")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find the directory: %w", err)
	}
	// A link in the path would be resolved differently inside of a node.
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	for _, folder := range hidden {
		if dir == folder || strings.HasPrefix(dir, folder+"/") {
			return "", fmt.Errorf("the directory %s will not do: a node has a %s of its own and would not see it", dir, folder)
		}
	}
	return dir, nil
}

// ErrNone says that a directory holds no instance.
var ErrNone = errors.New("there is no instance")

// Load reads the instance whose directory this is; ErrNone if it is not one's.
func Load(dir string) (*Instance, error) {
	dir, err := directory(dir)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(dir, File))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s: `lab up --dir %s` makes one", ErrNone, dir, dir)
	}
	if err != nil {
		return nil, fmt.Errorf("read the instance: %w", err)
	}
	var found Instance
	if err := json.Unmarshal(text, &found); err != nil {
		return nil, fmt.Errorf("read the instance %s: %w", filepath.Join(dir, File), err)
	}
	found.Dir = dir
	return &found, nil
}

// Save writes the instance's file, whole or not at all.
func (i *Instance) Save() error {
	text, err := json.MarshalIndent(i, "", "  ")
	if err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	if err := os.MkdirAll(i.Dir, 0o755); err != nil {
		return fmt.Errorf("make the instance's directory: %w", err)
	}
	path := filepath.Join(i.Dir, File)
	if err := os.WriteFile(path+".new", append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("write the instance: %w", err)
	}
	return nil
}

// Path is a file or folder of the instance.
func (i *Instance) Path(parts ...string) string {
	return filepath.Join(append([]string{i.Dir}, parts...)...)
}

// Program is one of those that are built with the lab.
func (i *Instance) Program(name string) string { return filepath.Join(i.Programs, name) }

// Log is the file that a process of this name writes to. The processes of a node are called NODE/PROCESS.
func (i *Instance) Log(process string) string {
	return i.Path("log", strings.ReplaceAll(process, "/", "-")+".log")
}

// Kubeconfig is the file with which USER speaks to the API server; "admin" may do everything.
func (i *Instance) Kubeconfig(user string) string { return i.Path(user + ".conf") }

// AuditLog is where the API server notes every request that changes something.
func (i *Instance) AuditLog() string { return i.Path("audit", "audit.log") }

// NodePath is a file or folder of a node.
func (i *Instance) NodePath(node string, parts ...string) string {
	return i.Path(append([]string{"nodes", node}, parts...)...)
}
