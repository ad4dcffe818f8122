"""Where the server is, and how to connect: read from a URL, or from a client object of redis-py or valkey-py.

A limiter opens its own connections with the settings of the client that it is given. The client's own connections may retry, may wait
longer than a limiter may, and may all be in use.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from typing import Any, Mapping, Optional
from urllib.parse import unquote, urlsplit

from .errors import RateLimitError, Unavailable, from_text

Address = tuple[str, int]

_KEPT = {
    "host",
    "port",
    "path",
    "db",
    "username",
    "password",
    "credential_provider",
    "client_name",
    "protocol",
    "socket_keepalive",
    "socket_keepalive_options",
    "socket_type",
    "redis_connect_func",
    "valkey_connect_func",
}
_CODES = {
    "OutOfMemoryError": "OOM",
    "ExecAbortError": "EXECABORT",
    "BusyLoadingError": "LOADING",
    "ReadOnlyError": "READONLY",
    "AuthenticationError": "NOAUTH",
    "AuthenticationWrongNumberOfArgsError": "NOAUTH",
    "NoPermissionError": "NOPERM",
    "AskError": "ASK",
    "TryAgainError": "TRYAGAIN",
    "MovedError": "MOVED",
    "ClusterDownError": "CLUSTERDOWN",
    "ClusterCrossSlotError": "CROSSSLOT",
    "MasterDownError": "MASTERDOWN",
}


class Moved(Exception):
    """A node of a cluster names another one. `once` (ASK): for this command only."""

    def __init__(self, slot: int, address: Address, once: bool) -> None:
        self.slot, self.address, self.once = slot, address, once


@dataclass(frozen=True)
class Settings:
    """How to connect. `sentinels` and `cluster` are the addresses to begin with; without both there is one server."""

    library: str
    """`redis` or `valkey`."""
    connection: Any
    kwargs: Mapping[str, Any]
    sentinels: tuple[Address, ...] = ()
    service: str = ""
    sentinel_kwargs: Mapping[str, Any] = field(default_factory=dict)
    cluster: tuple[Address, ...] = ()

    def make(self, address: Optional[Address], timeouts: Mapping[str, Optional[float]]) -> Any:
        """Makes a connection that never retries. It is not open yet."""
        place = {} if address is None else {"host": address[0], "port": address[1]}
        return self.connection(**{**self.kwargs, **place}, **timeouts, retry_on_error=[], health_check_interval=0)

    def for_sentinels(self) -> Settings:
        return Settings(self.library, self.connection, self.sentinel_kwargs)

    def failure(self, error: Exception, host: Optional[str] = None) -> Exception:
        """Makes an error of this package of one of the library. The library drops the first word of some texts."""
        kind, words = type(error).__name__, str(error)
        if kind in _CODES and not words.startswith(_CODES[kind]):
            words = f"{_CODES[kind]} {words}"
        elif kind == "ResponseError" and not words.split(" ", 1)[0].isupper():
            words = f"ERR {words}"
        if words.startswith(("MOVED ", "ASK ")):
            code, slot, place = words.split(" ")[:3]
            name, _, port = place.rpartition(":")
            return Moved(int(slot), (name or host or "", int(port)), code == "ASK")
        known: Optional[RateLimitError] = from_text(words) if kind in _CODES or self.answered(error) else None
        return known or Unavailable(words or kind)

    def answered(self, error: Exception) -> bool:
        """Says whether the server has answered with this error, so that the connection is good."""
        return isinstance(error, self.exceptions().ResponseError)

    def exceptions(self) -> Any:
        return importlib.import_module(f"{self.library}.exceptions")


def _kept(kwargs: Mapping[str, Any], ssl: bool) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name in _KEPT or (ssl and name.startswith("ssl_"))}


def _is_ssl(connection: type) -> bool:
    return "SSL" in connection.__name__


def of_client(client: Any, asyncio: bool) -> Settings:
    """Reads the settings of a client object, whose own connections are not touched."""
    if asyncio != (".asyncio." in _module_of(client)):
        raise TypeError("an AsyncLimiter takes a client for asyncio, a Limiter one for threads")
    library = next((base.__module__.split(".")[0] for base in type(client).__mro__ if base.__module__.startswith(("redis.", "valkey."))), "")
    if not library:
        raise TypeError("a limiter takes a client of redis-py or valkey-py, or a URL")
    nodes = getattr(client, "nodes_manager", None)
    flavour = "asyncio." if asyncio else ""
    module = importlib.import_module(f"{library}.{flavour}connection")
    if nodes is not None:
        kwargs = dict(nodes.connection_kwargs if not flavour else client.connection_kwargs)
        ssl = bool(kwargs.get("ssl")) or _is_ssl(kwargs.get("connection_class", object))
        places = tuple((node.host, int(node.port)) for node in nodes.startup_nodes.values())
        kept = {name: value for name, value in _kept(kwargs, ssl).items() if not name.endswith("_connect_func")}
        return Settings(library, module.SSLConnection if ssl else module.Connection, kept, cluster=places)
    pool = client.connection_pool
    ssl = _is_ssl(pool.connection_class)
    if hasattr(pool, "sentinel_manager"):
        pools = [sentinel.connection_pool for sentinel in pool.sentinel_manager.sentinels]
        places = tuple((each.connection_kwargs["host"], int(each.connection_kwargs["port"])) for each in pools)
        of_sentinels = _kept(pools[0].connection_kwargs, _is_ssl(pools[0].connection_class))
        connection = module.SSLConnection if ssl else module.Connection
        return Settings(library, connection, _kept(pool.connection_kwargs, ssl), places, pool.service_name, of_sentinels)
    return Settings(library, pool.connection_class, _kept(pool.connection_kwargs, ssl))


def _module_of(client: Any) -> str:
    return " ".join(base.__module__ for base in type(client).__mro__)


def of_url(url: str, asyncio: bool) -> Settings:
    """Reads `redis://`, `rediss://`, `unix://`, `redis-sentinel://host,host/service` and `redis-cluster://host,host`."""
    scheme, _, rest = url.partition("://")
    library = "valkey" if scheme.startswith("valkey") else _installed()
    module = importlib.import_module(f"{library}.{'asyncio.' if asyncio else ''}connection")
    base, _, kind = scheme.partition("-")
    if kind not in ("", "sentinel", "cluster") or base not in ("redis", "rediss", "valkey", "valkeys", "unix"):
        raise ValueError("the URL must begin with redis://, rediss://, unix://, redis-sentinel://, redis-cluster://, http:// or https://")
    if not kind:
        kwargs = dict(module.parse_url(url))
        connection = kwargs.pop("connection_class", module.Connection)
        return Settings(library, connection, _kept(kwargs, _is_ssl(connection)))
    ssl = base in ("rediss", "valkeys")
    user, places, path = _places(rest, 26379 if kind == "sentinel" else 6379)
    connection = module.SSLConnection if ssl else module.Connection
    if kind == "cluster":
        return Settings(library, connection, user, cluster=places)
    service, _, db = path.partition("/")
    return Settings(library, connection, {**user, "db": int(db or 0)}, places, service)


def _places(rest: str, port: int) -> tuple[dict[str, Any], tuple[Address, ...], str]:
    """Splits `user:password@host:port,host:port/path`."""
    hosts, _, path = rest.partition("/")
    login, at, hosts = hosts.rpartition("@")
    name, _, password = login.partition(":")
    user: dict[str, Any] = {"username": unquote(name) or None, "password": unquote(password) or None} if at else {}
    parts = [urlsplit(f"//{each}") for each in hosts.split(",")]
    return user, tuple((part.hostname or "localhost", part.port or port) for part in parts), unquote(path)


def _installed() -> str:
    for library in ("redis", "valkey"):
        try:
            importlib.import_module(library)
            return library
        except ImportError:
            continue
    raise ImportError("install redis or valkey: pip install redis-rl[redis]")
