package tests

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	redisrl "github.com/redis-rl/redis-rl/clients/go"
	"github.com/redis-rl/redis-rl/clients/go/rlgoredis"
	"github.com/redis-rl/redis-rl/clients/go/rlrueidis"
	"github.com/redis-rl/redis-rl/clients/go/tests/servers"
	"github.com/redis/go-redis/v9"
	"github.com/redis/rueidis"
)

// clusterOf starts a cluster of three primaries.
func clusterOf(t *testing.T) []string {
	t.Helper()
	var addrs []string
	for range 3 {
		addrs = append(addrs, servers.Redis(t, "--cluster-enabled", "yes", "--cluster-require-full-coverage", "no").Addr)
	}
	arguments := append([]string{"--cluster", "create"}, addrs...)
	output, err := exec.Command("redis-cli", append(arguments, "--cluster-yes")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	for _, addr := range addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		defer node.Close()
		servers.Eventually(t, func() bool {
			info, err := node.ClusterInfo(context.Background()).Result()
			return err == nil && strings.Contains(info, "cluster_state:ok") && strings.Contains(info, "cluster_known_nodes:3")
		})
	}
	return addrs
}

func clusterClients(t *testing.T, addrs []string) map[string]*redisrl.Limiter {
	t.Helper()
	first := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	second, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: addrs})
	servers.Must(t, err)
	t.Cleanup(func() {
		_ = first.Close()
		second.Close()
	})
	return map[string]*redisrl.Limiter{"go-redis": rlgoredis.New(first, redisrl.Timeout(servers.Patience)), "rueidis": rlrueidis.New(second, redisrl.Timeout(servers.Patience))}
}

func TestCluster(t *testing.T) {
	addrs := clusterOf(t)
	ctx := context.Background()
	for name, limiter := range clusterClients(t, addrs) {
		t.Run(name, func(t *testing.T) {
			// Policies are set on each primary, so that every key finds them.
			servers.Must(t, limiter.Policies().Set(ctx, name, redisrl.Limits{{Name: "rpm", Limit: 1, Window: 200 * time.Millisecond}}))
			for i := range 30 {
				key := fmt.Sprint(name, i)
				for range 2 { // the second waits
					decided, err := limiter.Quota(ctx, key, redisrl.Policy(name), redisrl.Wait(20*time.Second))
					if err != nil || !decided.Allowed || decided.Degraded != nil {
						t.Fatal(decided, err)
					}
					if i >= 3 {
						break
					}
				}
			}
			of := []redisrl.KeyPolicy{{Key: name + "{a}:1", Policy: redisrl.Policy(name)}, {Key: name + "{a}:2", Policy: redisrl.Policy(name)}}
			if decided, err := limiter.MQuota(ctx, of); err != nil || !decided.Allowed || decided.Degraded != nil {
				t.Error(decided, err)
			}
			of[1].Key = name + "{a}:3"
			if decided, err := limiter.First(ctx, of, redisrl.Wait(20*time.Second)); err != nil || !decided.Allowed || decided.Degraded != nil {
				t.Error(decided, err)
			}
			// An override is on each primary, like a policy.
			servers.Must(t, limiter.Policies().SetOverride(ctx, name, name+"{c}:1", redisrl.Limits{{Name: "rpm", Limit: 9, Window: time.Minute}}))
			if decided, err := limiter.Quota(ctx, name+"{c}:1", redisrl.Policy(name)); err != nil || decided.Limits["rpm"].Limit != 9 {
				t.Error(decided, err)
			}
			of[1].Key = name + "{b}:2"
			if _, err := limiter.MQuota(ctx, of); !errors.Is(err, redisrl.ErrInvalid) || !strings.Contains(err.Error(), "CROSSSLOT") {
				t.Error(err)
			}
			if found, err := limiter.Policies().Delete(ctx, name); err != nil || !found {
				t.Error(found, err)
			}
			if _, err := limiter.Quota(ctx, "k", redisrl.Policy(name)); !errors.Is(err, redisrl.ErrNoPolicy) {
				t.Error(err)
			}
		})
	}
}

// A slot that has moved is found again, without an error for the caller.
func TestClusterThatChanges(t *testing.T) {
	addrs := clusterOf(t)
	ctx := context.Background()
	const key = "moves"
	for name, limiter := range clusterClients(t, addrs) {
		t.Run(name, func(t *testing.T) {
			for _, wait := range []time.Duration{0, time.Second} {
				_, err := limiter.Slide(ctx, key, 1000, time.Minute, redisrl.Wait(wait))
				servers.Must(t, err)
				moveSlot(t, addrs, key)
				servers.Eventually(t, func() bool {
					decided, err := limiter.Slide(ctx, key, 1000, time.Minute, redisrl.Wait(wait))
					servers.Must(t, err)
					return decided.Allowed && decided.Degraded == nil
				})
			}
		})
	}
}

// moveSlot moves the slot of a key to another node.
func moveSlot(t *testing.T, addrs []string, key string) {
	t.Helper()
	ctx := context.Background()
	nodes := map[string]*redis.Client{}
	ids := map[string]string{}
	for _, addr := range addrs {
		nodes[addr] = redis.NewClient(&redis.Options{Addr: addr})
		defer nodes[addr].Close()
		id, err := nodes[addr].Do(ctx, "CLUSTER", "MYID").Text()
		servers.Must(t, err)
		ids[addr] = id
	}
	slot, err := nodes[addrs[0]].ClusterKeySlot(ctx, key).Result()
	servers.Must(t, err)
	var from, to string
	for _, addr := range addrs {
		if n, err := nodes[addr].ClusterCountKeysInSlot(ctx, int(slot)).Result(); err == nil && n > 0 {
			from = addr
		} else {
			to = addr
		}
	}
	_, port, _ := net.SplitHostPort(to)
	servers.Must(t, nodes[to].Do(ctx, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[from]).Err())
	servers.Must(t, nodes[from].Do(ctx, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[to]).Err())
	servers.Must(t, nodes[from].Do(ctx, "MIGRATE", "127.0.0.1", port, key, "0", "5000").Err())
	for _, addr := range []string{to, from} {
		servers.Must(t, nodes[addr].Do(ctx, "CLUSTER", "SETSLOT", slot, "NODE", ids[to]).Err())
	}
}

func TestSentinel(t *testing.T) {
	server := servers.Redis(t)
	sentinel := servers.Sentinel(t, server, "limits")
	ctx := context.Background()
	first := redis.NewFailoverClient(&redis.FailoverOptions{MasterName: "limits", SentinelAddrs: []string{sentinel.Addr}})
	defer first.Close()
	second, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{sentinel.Addr}, Sentinel: rueidis.SentinelOption{MasterSet: "limits"},
	})
	servers.Must(t, err)
	defer second.Close()
	for name, limiter := range map[string]*redisrl.Limiter{"go-redis": rlgoredis.New(first, redisrl.Timeout(servers.Patience)), "rueidis": rlrueidis.New(second, redisrl.Timeout(servers.Patience))} {
		for range 2 {
			decided, err := limiter.Slide(ctx, name, 1, 200*time.Millisecond, redisrl.Wait(20*time.Second))
			if err != nil || !decided.Allowed || decided.Degraded != nil {
				t.Error(name, decided, err)
			}
		}
	}
}
