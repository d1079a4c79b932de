package registry

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// archive is the one image, or index of images for several platforms, that a file holds.
type archive struct {
	digest string
	write  func(name.Reference, ...remote.Option) error
	close  func()
}

// open reads an OCI image layout in a tar file, or what `docker save` writes.
func open(path string) (*archive, error) {
	folder, err := os.MkdirTemp("", "sutra-lab-image-")
	if err != nil {
		return nil, fmt.Errorf("make a directory for the image: %w", err)
	}
	done := func() { _ = os.RemoveAll(folder) }
	found, err := read(path, folder)
	if err != nil {
		done()
		return nil, fmt.Errorf("read the image %s: %w", path, err)
	}
	found.close = done
	return found, nil
}

func read(path, folder string) (*archive, error) {
	if err := unpack(path, folder); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "oci-layout")); err != nil {
		image, err := tarball.ImageFromPath(path, nil)
		if err != nil {
			return nil, err
		}
		return ofImage(image)
	}
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, err
	}
	return onlyOne(index)
}

func onlyOne(index v1.ImageIndex) (*archive, error) {
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, err
	}
	if len(manifest.Manifests) != 1 {
		return nil, fmt.Errorf("it holds %d images; one is wanted", len(manifest.Manifests))
	}
	only := manifest.Manifests[0]
	switch {
	case only.MediaType.IsIndex():
		inner, err := index.ImageIndex(only.Digest)
		if err != nil {
			return nil, err
		}
		write := func(to name.Reference, options ...remote.Option) error {
			return remote.WriteIndex(to, inner, options...)
		}
		return &archive{digest: only.Digest.String(), write: write}, nil
	case only.MediaType.IsImage():
		image, err := index.Image(only.Digest)
		if err != nil {
			return nil, err
		}
		return ofImage(image)
	default:
		return nil, fmt.Errorf("what it holds is no image but a %q", only.MediaType)
	}
}

func ofImage(image v1.Image) (*archive, error) {
	digest, err := image.Digest()
	if err != nil {
		return nil, err
	}
	write := func(to name.Reference, options ...remote.Option) error { return remote.Write(to, image, options...) }
	return &archive{digest: digest.String(), write: write}, nil
}

// unpack writes the regular files of a tar file into a folder, and none outside of it.
func unpack(path, folder string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	root, err := os.OpenRoot(folder)
	if err != nil {
		return err
	}
	defer root.Close()
	entries := tar.NewReader(file)
	for {
		entry, err := entries.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if entry.Typeflag != tar.TypeReg {
			continue
		}
		if err := copyTo(root, filepath.Clean(entry.Name), entries); err != nil {
			return err
		}
	}
}

func copyTo(root *os.Root, path string, from io.Reader) error {
	for at := range path {
		if path[at] != filepath.Separator || at == 0 {
			continue
		}
		if err := root.Mkdir(path[:at], 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	to, err := root.Create(path)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		_ = to.Close()
		return err
	}
	return to.Close()
}
