// Generate copies the facts about providers, and their fixtures, from crates/profiles into this package. Run it as
// `go generate ./...` in clients/go. A test of clients/go/tests fails if a copy is stale.
package main

import (
	"log"
	"os"
	"path/filepath"
)

func main() {
	const from = "../../../crates/profiles"
	copyFile(from+"/profiles.json", "profiles.json")
	fixtures, err := filepath.Glob(from + "/fixtures/*.json")
	if err != nil || len(fixtures) == 0 {
		log.Fatal("there are no fixtures in ", from)
	}
	if err := os.MkdirAll("testdata", 0o755); err != nil {
		log.Fatal(err)
	}
	for _, fixture := range fixtures {
		copyFile(fixture, filepath.Join("testdata", filepath.Base(fixture)))
	}
}

func copyFile(from, to string) {
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o644)
	}
	if err != nil {
		log.Fatal(err)
	}
}
