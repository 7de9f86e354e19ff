package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"time"
)

// An image is a container image for one target: just the program.
type image struct {
	target                  target
	layer, config, manifest blob
}

// A blob is content named by its digest.
type blob struct {
	content   []byte
	mediaType string
}

func (b blob) sum() string { return fmt.Sprintf("%x", sha256.Sum256(b.content)) }

// The parts of the image specification that are needed, under its own names.
type (
	descriptor struct {
		MediaType   string            `json:"mediaType"`
		Digest      string            `json:"digest"`
		Size        int               `json:"size"`
		Platform    *platform         `json:"platform,omitempty"`
		Annotations map[string]string `json:"annotations,omitempty"`
	}
	platform struct {
		Architecture string `json:"architecture"`
		OS           string `json:"os"`
	}
	index struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Manifests     []descriptor `json:"manifests"`
	}
	manifest struct {
		SchemaVersion int               `json:"schemaVersion"`
		MediaType     string            `json:"mediaType"`
		Config        descriptor        `json:"config"`
		Layers        []descriptor      `json:"layers"`
		Annotations   map[string]string `json:"annotations,omitempty"`
	}
	config struct {
		platform
		Created time.Time `json:"created"`
		Config  struct {
			Entrypoint []string          `json:"Entrypoint"`
			Env        []string          `json:"Env"`
			WorkingDir string            `json:"WorkingDir"`
			Labels     map[string]string `json:"Labels"`
		} `json:"config"`
		RootFS struct {
			Type    string   `json:"type"`
			DiffIDs []string `json:"diff_ids"`
		} `json:"rootfs"`
		History []struct {
			Created   time.Time `json:"created"`
			CreatedBy string    `json:"created_by"`
		} `json:"history"`
	}
)

func (b blob) describe() descriptor {
	return descriptor{MediaType: b.mediaType, Digest: "sha256:" + b.sum(), Size: len(b.content)}
}

const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

func encode(v any, mediaType string) blob {
	content, _ := json.Marshal(v) // these types cannot fail to marshal
	return blob{content, mediaType}
}

// image makes a target's image, and writes it as a file that `docker load` and `podman load`
// accept.
func (r release) image(p product) (image, error) {
	binary, err := os.ReadFile(p.binary)
	if err != nil {
		return image{}, err
	}
	var layer bytes.Buffer
	err = tarball(&layer, r.date, []file{
		{"usr/bin/lablab", 0o755, binary},
		{"usr/share/doc/lablab/LICENSE", 0o644, p.extras.licence},
		{"usr/share/doc/lablab/THIRD_PARTY_NOTICES", 0o644, p.notices.write(whole)},
		{"run/", 0o755, nil},  // for root's labs
		{"tmp/", 0o1777, nil}, // for an ordinary user's labs
	})
	if err != nil {
		return image{}, err
	}
	labels := map[string]string{
		"org.opencontainers.image.title":       "lablab",
		"org.opencontainers.image.description": "See how stateful firewalls really behave",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.revision":    r.commit,
		"org.opencontainers.image.created":     r.date.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    strings.Join(p.licences, " AND "),
	}
	if home := r.homepage(); home != "" {
		labels["org.opencontainers.image.source"] = home // GitHub shows the image on this repository's page
	}
	var c config
	c.platform, c.Created = platform{p.target.arch, p.target.os}, r.date
	c.Config.Entrypoint, c.Config.Env, c.Config.WorkingDir, c.Config.Labels = []string{"lablab"}, []string{"PATH=/usr/bin"}, "/", labels
	c.RootFS.Type, c.RootFS.DiffIDs = "layers", []string{fmt.Sprintf("sha256:%x", sha256.Sum256(layer.Bytes()))}
	c.History = append(c.History, struct {
		Created   time.Time `json:"created"`
		CreatedBy string    `json:"created_by"`
	}{r.date, "scripts/release"})
	i := image{target: p.target, layer: blob{compressed(layer.Bytes()), layerType}, config: encode(c, configType)}
	i.manifest = encode(manifest{2, manifestType, i.config.describe(), []descriptor{i.layer.describe()}, labels}, manifestType)
	return i, r.write(r.name(p.target, "_image.tar"), func(w io.Writer) error {
		// Docker without the containerd image store looks for manifest.json and ignores the index.
		docker, err := json.Marshal([]map[string]any{{
			"Config": "blobs/sha256/" + i.config.sum(), "RepoTags": []string{"lablab:" + r.version}, "Layers": []string{"blobs/sha256/" + i.layer.sum()},
		}})
		if err != nil {
			return err
		}
		return r.layout(w, r.named(i.manifest.describe()), []blob{i.layer, i.config, i.manifest}, file{"manifest.json", 0o644, docker})
	})
}

// images writes one image for all targets, as a file to push to a registry: skopeo copy --all
// oci-archive:FILE docker://…
func (r release) images(all []image) error {
	x := index{SchemaVersion: 2, MediaType: indexType}
	var blobs []blob
	for _, i := range all {
		d := i.manifest.describe()
		d.Platform = &platform{i.target.arch, i.target.os}
		x.Manifests = append(x.Manifests, d)
		blobs = append(blobs, i.layer, i.config, i.manifest)
	}
	top := encode(x, indexType)
	return r.write("lablab_"+r.version+"_image.tar", func(w io.Writer) error {
		return r.layout(w, r.named(top.describe()), append(blobs, top))
	})
}

// named sets the release's version as the tag of what a descriptor describes.
func (r release) named(d descriptor) descriptor {
	d.Annotations = map[string]string{
		"org.opencontainers.image.ref.name": r.version,
		"io.containerd.image.name":          "docker.io/library/lablab:" + r.version,
	}
	return d
}

// layout writes an OCI image layout.
func (r release) layout(w io.Writer, d descriptor, blobs []blob, more ...file) error {
	files := append(more,
		file{"oci-layout", 0o644, []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		file{"index.json", 0o644, encode(index{2, indexType, []descriptor{d}}, indexType).content})
	for _, b := range blobs {
		files = append(files, file{path.Join("blobs/sha256", b.sum()), 0o644, b.content})
	}
	return tarball(w, r.date, files)
}
