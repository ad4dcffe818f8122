"""The append-only file, read back: what was admitted, settled and marked, in order."""

from dataclasses import dataclass


@dataclass
class Admitted:
    key: str
    at: int  # ms
    costs: list[int]  # one for each limit
    id: bytes | None = None  # of its reservation
    expires: int = 0


@dataclass
class Settled:
    key: str
    id: bytes
    used: dict[str, int]  # by unit


@dataclass
class Marked:
    """The observer asked here, and was answered what it has under this number."""

    number: int


def events(folder):
    for command in commands(folder):
        match [command[0].upper(), *command[1:]]:
            case [b"RL.APPLY", key, effect]:
                yield read_effect(key.decode(), Bytes(effect))
            case [b"SET", b"mark", number, *_]:
                yield Marked(int(number))
            case [b"DEL" | b"UNLINK", _]:
                pass  # a key that has expired: the oracle continues, and checks that the expired charges no longer count
            case [b"SELECT" | b"MULTI" | b"EXEC", *_]:
                pass
            case other:
                raise AssertionError(f"not expected in the file: {other}")


def commands(folder):
    manifest = (folder / "appendonlydir/appendonly.aof.manifest").read_text()
    for line in manifest.splitlines():
        _, name, *_, kind = line.split(" ")
        data = (folder / "appendonlydir" / name).read_bytes()
        if kind == "b" or data.startswith((b"REDIS", b"VALKEY")):
            continue  # the base of a server that started empty
        yield from parse(data)


def parse(data):
    at = 0

    def number(marker):
        nonlocal at
        end = data.index(b"\r\n", at)
        assert data[at : at + 1] == marker, data[at:end]
        value, at = int(data[at + 1 : end]), end + 2
        return value

    def argument():
        nonlocal at
        length = number(b"$")
        value, at = data[at : at + length], at + length + 2
        return value

    while at < len(data):
        if data[at : at + 1] == b"#":  # a timestamp annotation
            at = data.index(b"\r\n", at) + 2
            continue
        yield [argument() for _ in range(number(b"*"))]


class Bytes:
    """Postcard: numbers in sevens of bits, lengths before what is long."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def bytes(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length : self.at]

    def list(self, item):
        return [item() for _ in range(self.number())]


def read_effect(key, data):
    """An effect, as crates/core/src/effect writes it: of one limit (0) or of a quota (1), then its kind."""
    match (data.number(), data.number()):
        case (0, 0):
            at, cost = data.number(), data.number()
            return Admitted(key, at, [cost])
        case (1, 0):
            data.bytes()  # the limits: the test knows them
            admitted = Admitted(key, data.number(), data.list(data.number))
            if data.number() == 1:
                admitted.id, admitted.expires = data.bytes(), data.number()
            return admitted
        case (1, 1):
            id, _at = data.bytes(), data.number()
            return Settled(key, id, dict(data.list(lambda: (data.bytes().decode(), data.number()))))
        case other:
            raise AssertionError(f"no client asks for an effect of kind {other}")
