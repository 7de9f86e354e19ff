package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/generate/bin"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/licensedetect"
	"github.com/CycloneDX/cyclonedx-gomod/pkg/licensedetect/local"
	"github.com/google/uuid"
	"github.com/rs/zerolog"
)

// bill writes a target's software bill of materials: the modules in the binary, with their licences
// and checksums. It returns the licences.
func (r release) bill(p product) ([]string, error) {
	g, err := bin.NewGenerator(p.binary, bin.WithLogger(zerolog.Nop()), bin.WithIncludeStdlib(true), bin.WithVersionOverride("v"+r.version),
		bin.WithLicenseDetector(detector{local.NewDetector(zerolog.Nop())}))
	if err != nil {
		return nil, err
	}
	bom, err := g.Generate()
	if err != nil {
		return nil, err
	}
	sum, err := checksum(p.binary)
	if err != nil {
		return nil, err
	}
	// Both should be new for each bill; here the same binary always gets the same ones.
	bom.SerialNumber = uuid.NewHash(sha256.New(), uuid.NameSpaceURL, []byte("sha256:"+sum), 8).URN()
	bom.Metadata.Timestamp = r.date.Format(time.RFC3339)
	main := bom.Metadata.Component
	main.Licenses = &cdx.Licenses{{License: &cdx.License{ID: own}}}
	main.Hashes = &[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: sum}}
	licences, err := licencesOf(*bom.Components)
	if err != nil {
		return nil, err
	}
	return licences, r.write(r.name(p.target, ".cdx.json"), func(w io.Writer) error {
		return cdx.NewBOMEncoder(w, cdx.BOMFileFormatJSON).SetPretty(true).EncodeVersion(bom, cdx.SpecVersion1_6)
	})
}

const (
	own = "MIT"          // lablab's licence
	bsd = "BSD-3-Clause" // Go's
)

// licencesOf states the licence of each component, for which the generator has only found evidence,
// and returns all licences, lablab's own first.
func licencesOf(components []cdx.Component) ([]string, error) {
	var others []string
	for i := range components {
		c := &components[i]
		switch {
		case c.Name == "std": // Go's standard library is not a module
			c.Licenses = &cdx.Licenses{{License: &cdx.License{ID: bsd}}}
		case c.Evidence == nil || c.Evidence.Licenses == nil || len(*c.Evidence.Licenses) == 0:
			return nil, fmt.Errorf("recognize the licence of %s %s", c.Name, c.Version)
		default:
			c.Licenses, c.Evidence = c.Evidence.Licenses, nil
		}
		for _, l := range *c.Licenses {
			if l.License.ID != own {
				others = append(others, l.License.ID)
			}
		}
	}
	slices.Sort(others)
	return append([]string{own}, slices.Compact(others)...), nil
}

// A detector recognises Go's own licence, which the underlying one takes for BSD-Source-Code.
type detector struct{ licensedetect.Detector }

func (d detector) Detect(path, version, directory string) ([]cdx.License, error) {
	if strings.HasPrefix(path, "golang.org/x/") {
		return []cdx.License{{ID: bsd}}, nil
	}
	return d.Detector.Detect(path, version, directory)
}
