package registry

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// Pause is the image that holds every pod's namespaces open.
const Pause = "lab.sutra.dev/pause:1"

// PushPause makes the pause image from our own program and puts it into the registry.
func PushPause(of *instance.Instance) error {
	program, err := os.ReadFile(of.Program("pause"))
	if err != nil {
		return fmt.Errorf("read the pause program: %w", err)
	}
	image, err := singleProgram("pause", program)
	if err != nil {
		return fmt.Errorf("make the pause image: %w", err)
	}
	reference, err := local(of, Pause)
	if err != nil {
		return err
	}
	return pushImage(image, reference)
}

// singleProgram is an image of nothing but a static program.
func singleProgram(name string, program []byte) (v1.Image, error) {
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := archive.Write(program); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil })
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	file, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", runtime.GOARCH
	// Nobody: a pod that must not run as root is made of this image too.
	file.Config.User = "65535:65535"
	file.Config.Entrypoint = []string{"/" + name}
	return mutate.ConfigFile(image, file)
}
