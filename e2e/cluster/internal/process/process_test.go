package process

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func started(t *testing.T, dir, name string) *instance.Instance {
	t.Helper()
	of := &instance.Instance{Name: "test", Dir: dir}
	if err := Start(of, name, "sleep", "600"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = KillAll(of) })
	return of
}

func TestAProcessIsFoundByItsNameAndEnds(t *testing.T) {
	of := started(t, t.TempDir(), "etcd")
	if pid, err := Find(of, "etcd"); err != nil || pid == 0 {
		t.Fatalf("%d %v", pid, err)
	}
	if pid, err := Find(of, "kube-apiserver"); err != nil || pid != 0 {
		t.Fatalf("another name: %d %v", pid, err)
	}
	if err := End(of, "etcd", time.Second); err != nil {
		t.Fatal(err)
	}
	if pid, _ := Find(of, "etcd"); pid != 0 {
		t.Fatalf("%d still runs", pid)
	}
	if err := End(of, "etcd", time.Second); err != nil {
		t.Fatalf("nothing to end: %v", err)
	}
}

func TestAnotherInstancesProcessIsLeftAlone(t *testing.T) {
	one, other := started(t, t.TempDir(), "etcd"), started(t, t.TempDir(), "etcd")
	if err := KillAll(one); err != nil {
		t.Fatal(err)
	}
	if pid, err := Find(other, "etcd"); err != nil || pid == 0 {
		t.Fatalf("%d %v", pid, err)
	}
}

func TestAStrangerIsNotSignalled(t *testing.T) {
	stranger := exec.Command("sleep", "600")
	if err := stranger.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stranger.Process.Kill(); _ = stranger.Wait() }()
	if err := send(&instance.Instance{Dir: t.TempDir()}, stranger.Process.Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := stranger.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("it was killed: %v", err)
	}
}

func TestMarksAreNotInherited(t *testing.T) {
	t.Setenv(nameVariable, "outer")
	t.Setenv("KEPT", "yes")
	count := map[string]int{}
	for _, variable := range Environment(&instance.Instance{Dir: "/d"}, "inner") {
		count[variable]++
	}
	if count[nameVariable+"=outer"] != 0 || count[nameVariable+"=inner"] != 1 || count["KEPT=yes"] != 1 {
		t.Fatal(count)
	}
}

func TestTheParentIsRead(t *testing.T) {
	if parent, err := Parent(os.Getpid()); err != nil || parent != os.Getppid() {
		t.Fatalf("%d %v", parent, err)
	}
}
