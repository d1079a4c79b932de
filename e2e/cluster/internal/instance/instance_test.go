package instance

import (
	"errors"
	"net/netip"
	"testing"
)

func TestNamesThatDoNotFitALinkAreRefused(t *testing.T) {
	for name, good := range map[string]bool{"e2e": true, "up": true, "": false, "Up": false, "a-b": false, "2e": false, "abcdefghi": false} {
		if _, err := New(name, t.TempDir(), "/bin", 3); (err == nil) != good {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestADirectoryThatANodeWouldNotSeeIsRefused(t *testing.T) {
	for _, dir := range []string{"", "/run/lab", "/var/lib/lab", "/sys"} {
		if _, err := New("e2e", dir, "/bin", 3); err == nil {
			t.Errorf("%q was taken", dir)
		}
	}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	made, err := New("e2e", t.TempDir(), "/programs", 3)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(made.Dir); !errors.Is(err, ErrNone) {
		t.Fatalf("an empty directory: %v", err)
	}
	made.Slot = 7
	if err := made.Save(); err != nil {
		t.Fatal(err)
	}
	if found, err := Load(made.Dir); err != nil || *found != *made {
		t.Fatalf("%+v %v", found, err)
	}
}

func TestTheRangesOfAnInstanceLieInItsSlotAndDoNotOverlap(t *testing.T) {
	for slot := range Slots {
		i := &Instance{Name: "e2e", Slot: slot, Nodes: MaxNodes}
		parts := []netip.Prefix{i.Machines(), i.Services(), i.Pods()}
		for at, part := range parts {
			if !Range(slot).Overlaps(part) || Range(slot).Bits() > part.Bits() {
				t.Errorf("slot %d: %s is outside", slot, part)
			}
			if overlapsAny(part, parts[at+1:]) || part != part.Masked() {
				t.Errorf("slot %d: %s overlaps or is no network", slot, part)
			}
		}
		for _, node := range i.All() {
			if !i.Machines().Contains(node.Address) || !i.Pods().Contains(node.Pods.Addr()) || len(node.Link) > 15 {
				t.Errorf("slot %d: %+v", slot, node)
			}
		}
	}
}

func TestASlotThatARouteOverlapsIsPassedOver(t *testing.T) {
	first, err := ChooseSlot("e2e", nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ChooseSlot("e2e", []netip.Prefix{Range(first)})
	if err != nil || second == first {
		t.Fatalf("%d then %d: %v", first, second, err)
	}
	if _, err := ChooseSlot("e2e", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}); err == nil {
		t.Fatal("a route that overlaps with everything was not noticed")
	}
}
