"""Client objects of redis-py and valkey-py, URLs, a Sentinel with a failover, and a cluster whose slots move."""

from __future__ import annotations

import inspect
import re
import time
from typing import Any, Iterator

import pytest
import redis
import redis.asyncio
import redis.asyncio.cluster
import redis.cluster
import redis_rl
import valkey
import valkey.asyncio
from redis_rl._async.router import slot_of
from servers import Program, SERVER, Server, folder, free_port, wait_until

KINDS = ["threads", "asyncio"]


async def answered(found: Any) -> Any:
    return await found if inspect.isawaitable(found) else found


def made(kind: str, connection: Any, **options: Any) -> Any:
    return (redis_rl.AsyncLimiter if kind == "asyncio" else redis_rl.Limiter)(connection, **options)


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("library", [redis, valkey])
async def test_client_objects(library: Any, kind: str, protocol: int, server: Server, key: str) -> None:
    module = library.asyncio if kind == "asyncio" else library
    name = "Redis" if library is redis else "Valkey"
    client = getattr(module, name)(port=server.port, protocol=protocol, decode_responses=True)
    limiter = made(kind, client)
    assert (await answered(limiter.slide(key, 5, 60))).remaining == 4
    assert (await answered(limiter.info(key))).parameters == {"limit": 5, "window_ms": 60000}
    # The user's own client is not touched, and goes on.
    assert await answered(client.ping())
    await answered(limiter.close())
    await answered(client.aclose() if kind == "asyncio" else client.close())


@pytest.mark.parametrize("kind", KINDS)
async def test_settings_of_the_client(kind: str) -> None:
    with Server() as server:
        server.client.execute_command("ACL", "SETUSER", "ann", "on", ">secret", "~*", "+@all")
        server.client.execute_command("ACL", "SETUSER", "default", "off")
        module = redis.asyncio if kind == "asyncio" else redis
        for connection in (module.Redis(port=server.port, username="ann", password="secret", db=3), f"redis://ann:secret@127.0.0.1:{server.port}/3"):
            limiter = made(kind, connection)
            assert not (await answered(limiter.slide("k", 5, 60))).degraded
            await answered(limiter.close())
        looking = redis.Redis(port=server.port, username="ann", password="secret", db=3)
        assert looking.keys() == [b"k"]


@pytest.mark.parametrize("kind", KINDS)
async def test_unix_socket(kind: str) -> None:
    with Server("--unixsocket", "server.sock") as server:
        limiter = made(kind, f"unix://{server.folder}/server.sock")
        assert await answered(limiter.slide("k", 5, 60))
        await answered(limiter.close())


def test_wrong_connections() -> None:
    for connection in ("ftp://localhost", "redis-nonsense://localhost"):
        with pytest.raises(ValueError):
            redis_rl.Limiter(connection)
    with pytest.raises(TypeError):
        redis_rl.Limiter(redis.asyncio.Redis())
    with pytest.raises(TypeError):
        redis_rl.AsyncLimiter(redis.Redis())
    with pytest.raises(TypeError):
        redis_rl.Limiter(object())


class Sentinel(Program):
    def __init__(self, primary: Server) -> None:
        port, place = free_port(), folder()
        lines = ["sentinel monitor main 127.0.0.1 %d 1" % primary.port, "sentinel down-after-milliseconds main 300"]
        lines += ["sentinel failover-timeout main 2000", f"port {port}", "bind 127.0.0.1"]
        (place / "sentinel.conf").write_text("\n".join(lines) + "\n")
        super().__init__([SERVER, "sentinel.conf", "--sentinel"], port, place)


@pytest.mark.parametrize("kind", KINDS)
async def test_sentinel_finds_the_new_primary(kind: str) -> None:
    with Server() as primary, Server("--repl-diskless-sync-delay", "0") as other:
        other.client.replicaof("127.0.0.1", primary.port)
        wait_until("the replica follows", lambda: other.client.info("replication").get("master_link_status") == "up")
        with Sentinel(primary) as sentinel:
            looking = redis.Redis(port=sentinel.port, decode_responses=True)
            wait_until("Sentinel knows the replica", lambda: looking.execute_command("SENTINEL REPLICAS", "main"))
            module = redis.asyncio if kind == "asyncio" else redis
            manager = module.sentinel.Sentinel([("127.0.0.1", sentinel.port)])
            limiters = [made(kind, manager.master_for("main")), made(kind, f"redis-sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/main")]
            for limiter in limiters:
                assert not (await answered(limiter.slide("k", 5, 60))).degraded
            primary.stop_and_keep()
            wait_until("Sentinel fails over", lambda: other.client.info("replication")["role"] == "master")
            for limiter in limiters:
                end, decision = time.monotonic() + 10, None
                while decision is None or decision.degraded:
                    assert time.monotonic() < end
                    decision = await answered(limiter.slide("k", 5, 60))
                await answered(limiter.close())


class Cluster:
    """Three primaries."""

    def __init__(self) -> None:
        self.nodes = [Server("--cluster-enabled", "yes", "--cluster-port", str(free_port())) for _ in range(3)]
        clients = [node.client for node in self.nodes]
        for number, client in enumerate(clients):
            client.execute_command("CLUSTER ADDSLOTSRANGE", number * 5462, min(number * 5462 + 5461, 16383))
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for client in clients[1:]:
            port = clients[0].connection_pool.connection_kwargs["port"]
            client.execute_command("CLUSTER MEET", "127.0.0.1", port, clients[0].config_get("cluster-port")["cluster-port"])
        for client in clients:
            wait_until("the cluster is whole", lambda client=client: len(client.execute_command("CLUSTER SHARDS")) == 3)
            wait_until("the cluster is up", lambda client=client: re.search(r"cluster_state\W+ok", str(client.execute_command("CLUSTER INFO"))))

    def move(self, slot: int, target: int) -> None:
        """Moves a slot that holds no keys."""
        name = self.nodes[target].client.execute_command("CLUSTER MYID")
        for node in self.nodes:
            node.client.execute_command("CLUSTER SETSLOT", slot, "NODE", name)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    for node in made.nodes:
        node.stop()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", ["client", "url"])
async def test_cluster(kind: str, by: str, cluster: Cluster, key: str) -> None:
    port = cluster.nodes[0].port
    connection: Any = f"redis-cluster://127.0.0.1:{port}"
    if by == "client":
        module: Any = redis.asyncio.cluster if kind == "asyncio" else redis.cluster
        connection = module.RedisCluster(host="127.0.0.1", port=port)
    limiter = made(kind, connection, timeout=2)
    for number in range(30):
        assert (await answered(limiter.slide(f"{key}:{number}", 5, 60))).remaining == 4
    # A policy is set on each primary.
    await answered(limiter.policy_set("p", [redis_rl.Limit("rpm", 5, 60)]))
    assert [node.client.execute_command("RL.POLICY", "LIST") for node in cluster.nodes] == [["p"]] * 3
    two = {f"{{{key}}}:a": "p", f"{{{key}}}:b": "p"}
    assert (await answered(limiter.mquota(two))).allowed
    assert (await answered(limiter.first(two, wait=20))).index == 0
    await answered(limiter.override_set("p", f"{key}:big", [redis_rl.Limit("rpm", 9, 60)]))
    assert [node.client.execute_command("RL.POLICY", "OVERRIDES", "p") for node in cluster.nodes] == [[f"{key}:big"]] * 3
    assert (await answered(limiter.quota(f"{key}:big", "p"))).limits["rpm"].limit == 9
    await answered(limiter.override_delete("p", f"{key}:big"))
    with pytest.raises(redis_rl.Invalid):
        await answered(limiter.mquota({f"{key}:1": "p", f"{key}:2": "p", f"{key}:3": "p"}))
    # A slot moves: MOVED is followed, and learnt.
    slot = slot_of(f"new:{key}")
    owner = slot // 5462
    cluster.move(slot, (owner + 1) % 3)
    assert (await answered(limiter.slide(f"new:{key}", 5, 60))).remaining == 4
    assert (await answered(limiter.slide(f"new:{key}", 5, 60))).remaining == 3
    for node in cluster.nodes:
        node.client.flushall()
    cluster.move(slot, owner)
    await answered(limiter.close())
    if by == "client":
        await answered(connection.aclose() if kind == "asyncio" else connection.close())


@pytest.mark.parametrize("kind", KINDS)
async def test_slot_that_is_on_its_way_is_asked_for(kind: str, cluster: Cluster, key: str) -> None:
    slot = slot_of(key)
    owner, target = slot // 5462, (slot // 5462 + 1) % 3
    names = [node.client.execute_command("CLUSTER MYID") for node in cluster.nodes]
    cluster.nodes[target].client.execute_command("CLUSTER SETSLOT", slot, "IMPORTING", names[owner])
    cluster.nodes[owner].client.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", names[target])
    limiter = made(kind, f"redis-cluster://127.0.0.1:{cluster.nodes[0].port}", timeout=2)
    assert (await answered(limiter.slide(key, 5, 60))).remaining == 4
    assert cluster.nodes[target].client.execute_command("CLUSTER COUNTKEYSINSLOT", slot) == 1
    await answered(limiter.close())
    for node in cluster.nodes:
        node.client.flushall()
        node.client.execute_command("CLUSTER SETSLOT", slot, "STABLE")
