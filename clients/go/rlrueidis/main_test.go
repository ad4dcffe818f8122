package rlrueidis_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"
)

// addr is the address of a server with the module.
var addr string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	module := os.Getenv("REDIS_RL_MODULE")
	if module == "" {
		fmt.Println("REDIS_RL_MODULE is not set: run .ci/client-go.sh")
		return 1
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	addr = listener.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	listener.Close()
	binary := os.Getenv("REDIS_RL_SERVER")
	if binary == "" {
		binary = "redis-server"
	}
	server := exec.Command(binary, "--port", port, "--bind", "127.0.0.1", "--save", "", "--loadmodule", module)
	if err := server.Start(); err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return m.Run()
		}
		if time.Now().After(end) {
			fmt.Println(err)
			return 1
		}
	}
}
