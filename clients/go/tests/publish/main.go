// Publish writes what would be published of the Go modules, as a module proxy of files: publish DIRECTORY. A test installs them
// from there in an empty module.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

const (
	path    = "github.com/redis-rl/redis-rl/clients/go"
	version = "v0.1.0"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: publish DIRECTORY")
	}
	for _, part := range []string{"", "/rlgoredis", "/rlrueidis"} {
		if err := publish(os.Args[1], part); err != nil {
			log.Fatal(err)
		}
	}
}

func publish(to, part string) error {
	from := filepath.Join("..", part) // of clients/go/tests
	dir := filepath.Join(to, filepath.FromSlash(path+part), "@v")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	info := fmt.Sprintf(`{"Version":%q,"Time":"2025-01-01T00:00:00Z"}`, version)
	if err := os.WriteFile(filepath.Join(dir, version+".info"), []byte(info), 0o644); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(from, "go.mod"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, version+".mod"), mod, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "list"), []byte(version+"\n"), 0o644); err != nil {
		return err
	}
	file, err := os.Create(filepath.Join(dir, version+".zip"))
	if err != nil {
		return err
	}
	if err := zip.CreateFromDir(file, module.Version{Path: path + part, Version: version}, from); err != nil {
		return err
	}
	return file.Close()
}
