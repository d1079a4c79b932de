package registry

import (
	"archive/tar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

func TestAnImageIsKnownByItsNameWithoutTheHost(t *testing.T) {
	of := &instance.Instance{Name: "e2e"}
	here := of.Endpoint(instance.PortRegistry)
	for reference, wanted := range map[string]string{
		"ghcr.io/sutra-grid/sutra-node:1.2":           here + "/sutra-grid/sutra-node:1.2",
		"busybox":                                     here + "/library/busybox:latest",
		"localhost:5001/a/b:c":                        here + "/a/b:c",
		"r.example/app@sha256:" + digits("0", 64):     here + "/app@sha256:" + digits("0", 64),
		"r.example/app:tag@sha256:" + digits("1", 64): here + "/app@sha256:" + digits("1", 64),
	} {
		found, err := local(of, reference)
		if err != nil || found.Name() != wanted {
			t.Errorf("%s: %v %v", reference, found, err)
		}
	}
	if _, err := local(of, "Not A Reference"); err == nil {
		t.Error("nonsense was taken")
	}
}

func digits(digit string, count int) string {
	text := ""
	for range count {
		text += digit
	}
	return text
}

// pack makes a tar file of a folder.
func pack(t *testing.T, folder string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	writer := tar.NewWriter(file)
	if err := writer.AddFS(os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnArchiveArrivesWithItsDigest(t *testing.T) {
	image, err := singleProgram("pause", []byte("program"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(image); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(registry.New())
	defer server.Close()
	to, err := name.ParseReference(server.Listener.Addr().String() + "/pause:1")
	if err != nil {
		t.Fatal(err)
	}
	digest, err := push(pack(t, folder), to)
	if err != nil {
		t.Fatal(err)
	}
	if wanted, _ := image.Digest(); digest != wanted.String() {
		t.Errorf("%s is not %s", digest, wanted)
	}
	if there, err := remote.Head(to); err != nil || there.Digest.String() != digest {
		t.Errorf("%v %v", there, err)
	}
	// Two images in one archive: which of them was meant?
	other, err := singleProgram("pause", []byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	if err := path.AppendImage(other); err != nil {
		t.Fatal(err)
	}
	if _, err := push(pack(t, folder), to); err == nil {
		t.Error("one of two was chosen silently")
	}
}

func TestAnArchiveCannotWriteOutsideOfItsFolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "evil.tar")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	writer := tar.NewWriter(file)
	_ = writer.WriteHeader(&tar.Header{Name: "../outside", Mode: 0o644, Size: 1})
	_, _ = writer.Write([]byte("x"))
	_ = writer.Close()
	_ = file.Close()
	folder := t.TempDir()
	if err := unpack(path, folder); err == nil {
		t.Error("it was unpacked")
	}
}
