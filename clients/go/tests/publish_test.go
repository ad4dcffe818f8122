package tests

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
)

// stranger is a program in a module of its own, which has only what is published.
const stranger = `package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis-rl/redis-rl/clients/go/rlgoredis"
	"github.com/redis/go-redis/v9"
)

func main() {
	limiter := rlgoredis.New(redis.NewClient(&redis.Options{Addr: "ADDR"}))
	decided, err := limiter.Slide(context.Background(), "stranger", 5, time.Minute)
	fmt.Println(decided.Allowed, decided.Remaining, decided.Degraded, err)
}
`

// What would be published is installed in an empty module by its client alone, and used.
func TestPublishedModules(t *testing.T) {
	server := servers.Redis(t)
	proxy, program, cache := t.TempDir(), t.TempDir(), t.TempDir()
	run := func(dir string, arguments ...string) string {
		t.Helper()
		command := exec.Command("go", arguments...)
		command.Dir = dir
		command.Env = append(os.Environ(), "GOFLAGS=-modcacherw", "GOWORK=off")
		if dir == program {
			upstream, err := exec.Command("go", "env", "GOPROXY").Output()
			servers.Must(t, err)
			command.Env = append(command.Env, "GOMODCACHE="+cache, "GONOSUMDB=github.com/redis-rl/*",
				"GOPROXY=file://"+proxy+","+strings.TrimSpace(string(upstream)))
		}
		output, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
		return string(output)
	}
	run(".", "run", "./publish", proxy)
	text := strings.Replace(stranger, "ADDR", server.Addr, 1)
	servers.Must(t, os.WriteFile(filepath.Join(program, "main.go"), []byte(text), 0o644))
	run(program, "mod", "init", "example.com/stranger")
	run(program, "get", "github.com/redis-rl/redis-rl/clients/go/rlgoredis@v0.1.0")
	run(program, "mod", "tidy")
	if output := run(program, "run", "."); output != "true 4 <nil> <nil>\n" {
		t.Error(output)
	}
	sums, err := os.ReadFile(filepath.Join(program, "go.sum"))
	servers.Must(t, err)
	if bytes.Contains(sums, []byte("rueidis")) {
		t.Error("the program gets a client that it does not use")
	}
}

// The facts about providers are copies of those in crates/profiles.
func TestProfilesAreFresh(t *testing.T) {
	root := servers.Root(t)
	from, to := filepath.Join(root, "crates", "profiles"), filepath.Join(root, "clients", "go", "profile")
	same := func(original, copied string) {
		first, err := os.ReadFile(filepath.Join(from, original))
		servers.Must(t, err)
		second, err := os.ReadFile(filepath.Join(to, copied))
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("%s is stale: run go generate ./... in clients/go", copied)
		}
	}
	same("profiles.json", "profiles.json")
	fixtures, err := os.ReadDir(filepath.Join(from, "fixtures"))
	servers.Must(t, err)
	for _, fixture := range fixtures {
		same(filepath.Join("fixtures", fixture.Name()), filepath.Join("testdata", fixture.Name()))
	}
	copies, err := os.ReadDir(filepath.Join(to, "testdata"))
	if err != nil || len(copies) != len(fixtures) {
		t.Error("there are copies of fixtures that are gone: ", len(copies), len(fixtures), err)
	}
}
