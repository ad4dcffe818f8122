// Package servers starts what the tests ask: Redis with the module, rl-coordinator, and the provider of benches/lab.
package servers

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Server is a server that the tests started.
type Server struct {
	Addr string

	command *exec.Cmd
}

// Environment returns the value of a variable that .ci/client-go.sh sets.
func Environment(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: run .ci/client-go.sh", name)
	}
	return value
}

// FreePort returns a port on which nothing listens.
func FreePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	return port
}

// Redis starts a server with the module, and more arguments.
func Redis(t testing.TB, arguments ...string) *Server {
	t.Helper()
	return RedisAt(t, FreePort(t), append([]string{"--loadmodule", Environment(t, "REDIS_RL_MODULE")}, arguments...)...)
}

// RedisAt starts a server on a port, without the module unless it is among the arguments.
func RedisAt(t testing.TB, port string, arguments ...string) *Server {
	t.Helper()
	binary := os.Getenv("REDIS_RL_SERVER")
	if binary == "" {
		binary = "redis-server"
	}
	common := []string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--dir", t.TempDir(), "--enable-module-command", "yes"}
	server := Start(t, exec.Command(binary, append(common, arguments...)...), "127.0.0.1:"+port)
	client := server.Client(t, 3)
	Eventually(t, func() bool {
		err := client.Ping(context.Background()).Err()
		return err == nil || strings.HasPrefix(err.Error(), "NOAUTH") || strings.HasPrefix(err.Error(), "LOADING")
	})
	return server
}

// Coordinator starts rl-coordinator, and returns its URL.
func Coordinator(t testing.TB, configuration string) *Server {
	t.Helper()
	port := FreePort(t)
	path := filepath.Join(t.TempDir(), "rl-coordinator.toml")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := Environment(t, "RL_COORDINATOR")
	server := Start(t, exec.Command(binary, "--config", path, "--listen", "127.0.0.1:"+port), "127.0.0.1:"+port)
	Eventually(t, func() bool {
		answer, err := http.Get("http://" + server.Addr + "/healthz")
		if err != nil {
			return false
		}
		answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	return server
}

// Start starts a program that listens at addr. It ends with the test.
func Start(t testing.TB, command *exec.Cmd, addr string) *Server {
	t.Helper()
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = command.Stdout
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	server := &Server{Addr: addr, command: command}
	drained := make(chan []string, 1)
	go func() {
		var lines []string
		for scanner := bufio.NewScanner(output); scanner.Scan(); {
			lines = append(lines, scanner.Text())
		}
		drained <- lines
	}()
	t.Cleanup(func() {
		server.Signal(syscall.SIGCONT)
		_ = command.Process.Kill()
		lines := <-drained
		_ = command.Wait()
		if t.Failed() {
			t.Log(strings.Join(lines[max(0, len(lines)-40):], "\n"))
		}
	})
	return server
}

// Signal sends a signal to the server.
func (s *Server) Signal(signal syscall.Signal) { _ = s.command.Process.Signal(signal) }

// Kill ends the server, and returns when its port is closed.
func (s *Server) Kill(t testing.TB) {
	t.Helper()
	_ = s.command.Process.Kill()
	Eventually(t, func() bool {
		conn, err := net.Dial("tcp", s.Addr)
		if err == nil {
			conn.Close()
		}
		return err != nil
	})
}

// Client returns a client of the server. protocol is 2 or 3.
func (s *Server) Client(t testing.TB, protocol int) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{Addr: s.Addr, Protocol: protocol, DisableIdentity: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// Eventually waits until something is so.
func Eventually(t testing.TB, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			t.Fatal("it did not come")
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// Waiters returns how many requests wait at the server, by INFO rl.
func Waiters(t testing.TB, client *redis.Client) int {
	t.Helper()
	info, err := client.Info(context.Background(), "rl").Result()
	if err != nil {
		t.Fatal(err)
	}
	total := 0
	for _, lane := range []string{"critical", "high", "normal", "low"} {
		var n int
		if _, after, found := strings.Cut(info, "rl_waiting_"+lane+":"); found {
			_, _ = fmt.Sscan(after, &n)
			total += n
		}
	}
	return total
}

// Must ends the test if there is an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Root is the path of the repository.
func Root(t testing.TB) string {
	t.Helper()
	path, err := os.Getwd()
	Must(t, err)
	for {
		if _, err := os.Stat(filepath.Join(path, "benches", "lab", "provider.py")); err == nil {
			return path
		}
		if path == filepath.Dir(path) {
			t.Fatal("this is not the repository")
		}
		path = filepath.Dir(path)
	}
}

// Sentinel starts a sentinel that watches a server by this name.
func Sentinel(t testing.TB, of *Server, name string) *Server {
	t.Helper()
	port := FreePort(t)
	_, watched, _ := net.SplitHostPort(of.Addr)
	path := filepath.Join(t.TempDir(), "sentinel.conf")
	Must(t, os.WriteFile(path, fmt.Appendf(nil, "port %s\nbind 127.0.0.1\nsentinel monitor %s 127.0.0.1 %s 1\n", port, name, watched), 0o600))
	server := Start(t, exec.Command("redis-server", path, "--sentinel"), "127.0.0.1:"+port)
	client := server.Client(t, 3)
	Eventually(t, func() bool { return client.Ping(context.Background()).Err() == nil })
	return server
}
