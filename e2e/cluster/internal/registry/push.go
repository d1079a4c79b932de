package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/sutra-grid/sutra-grid/e2e/cluster/internal/instance"
)

// pushTime is enough for the largest image over a slow line.
const pushTime = 5 * time.Minute

// Push puts the image of an archive into the instance's registry; its digest is returned. A pod that names REFERENCE, with
// any host in front, gets it.
func Push(of *instance.Instance, path, reference string) (string, error) {
	to, err := local(of, reference)
	if err != nil {
		return "", err
	}
	return push(path, to)
}

// PushTo puts the image of an archive into the registry that REFERENCE names, as the user that `docker login` has noted.
func PushTo(path, reference string) (string, error) {
	to, err := name.ParseReference(reference)
	if err != nil {
		return "", fmt.Errorf("read the reference: %w", err)
	}
	return push(path, to)
}

func push(path string, to name.Reference) (string, error) {
	found, err := open(path)
	if err != nil {
		return "", err
	}
	defer found.close()
	if err := within(pushTime, func(options ...remote.Option) error { return found.write(to, options...) }); err != nil {
		return "", fmt.Errorf("push %s: %w", to, err)
	}
	return found.digest, nil
}

func pushImage(image v1.Image, to name.Reference) error {
	if err := within(pushTime, func(options ...remote.Option) error { return remote.Write(to, image, options...) }); err != nil {
		return fmt.Errorf("push %s: %w", to, err)
	}
	return nil
}

func within(limit time.Duration, write func(...remote.Option) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	return write(remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain))
}

// local is a reference's place in the instance's registry.
func local(of *instance.Instance, reference string) (name.Reference, error) {
	parsed, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("read the reference: %w", err)
	}
	separator := ":"
	if _, byDigest := parsed.(name.Digest); byDigest {
		separator = "@"
	}
	place := of.Endpoint(instance.PortRegistry) + "/" + parsed.Context().RepositoryStr() + separator + parsed.Identifier()
	return name.ParseReference(place, name.Insecure)
}
