package rlgoredis_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/rlgoredis"
	"github.com/redis/go-redis/v9"
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
	rdb = redis.NewClient(&redis.Options{Addr: addr, MaxRetries: 20, MaxRetryBackoff: 100 * time.Millisecond})
	defer rdb.Close()
	if err := rdb.Ping(ctx).Err(); err != nil {
		fmt.Println(err)
		return 1
	}
	limiter = rlgoredis.New(rdb, redisrl.Timeout(10*time.Second)) // a busy machine stalls for longer than the default
	return m.Run()
}
