"""The programs of examples/, and how each is started."""

from dataclasses import dataclass
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@dataclass(frozen=True)
class Program:
    name: str  # of the client library
    language: str
    limits: list[str]
    load: list[str]
    protocols: tuple[int, ...] = (2, 3)
    cluster: bool = True


def programs(built, only=()):
    """All of them, or those in the languages `only`; `built` is the folder of what .ci/clients.sh builds."""
    python = str(built / "python/bin/python")
    java = ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{built}/java/target/classes:{built}/java/target/dependency/*"]
    node = lambda name, *words: ["node", str(built / "node" / name), *words]
    source = lambda path: str(EXAMPLES / path)
    every = [
        Program("redis-py", "python", [python, source("python/limits.py")], [python, source("python/load.py")]),
        Program("redis-py asyncio", "python", [python, source("python/limits_asyncio.py")],
                [python, source("python/load_asyncio.py")]),
        Program("ioredis", "node", node("limits-ioredis.js"), node("load.js", "ioredis"), protocols=(2,)),
        Program("node-redis", "node", node("limits-node-redis.js"), node("load.js", "node-redis")),
        Program("go-redis", "go", [str(built / "go/limits")], [str(built / "go/load")]),
        Program("jedis", "java", [*java, "JedisLimits"], [*java, "Load", "jedis"]),
        Program("lettuce", "java", [*java, "LettuceLimits"], [*java, "Load", "lettuce"]),
        Program("redis-rs", "rust", [str(built / "rust/release/limits")], [str(built / "rust/release/load")]),
        Program("hiredis", "c", [str(built / "c/limits")], [str(built / "c/load")], protocols=(2,), cluster=False),
        Program("phpredis", "php", ["php", source("php/limits.php")], ["php", source("php/load.php")], protocols=(2,)),
        Program("redis-rb", "ruby", ["ruby", source("ruby/limits.rb")], ["ruby", source("ruby/load.rb")], protocols=(2,)),
    ]
    return [program for program in every if not only or program.language in only]
