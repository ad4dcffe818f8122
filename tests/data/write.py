#!/usr/bin/env python3
"""Writes the files of one server, with the module as it is, and what was answered about them once they were loaded.

    tests/data/write.py FOLDER SERVER MODULE      such as
    tests/data/write.py tests/data/60a1568/redis-7.0 redis-server target/release/libredis_rl.so

README.md says what is in the folder then.
"""

import shutil
import sys
import time
from pathlib import Path

import limits
import questions
from resp import Server, escape, text, until


def write(folder, server):
    """Fills a server, and keeps its files: all three hold the same limits. Answers their digest."""
    shutil.rmtree(folder, ignore_errors=True)
    with server(aof=True) as source:
        client, other = source.client(), source.client()
        files = source.folder / "appendonlydir"

        def rewrite(preamble):
            client.line(f"CONFIG SET aof-use-rdb-preamble {preamble}")
            client.do("BGREWRITEAOF")
            ends = (b"aof_rewrite_in_progress:0", b"aof_rewrite_scheduled:0", b"aof_last_bgrewrite_status:ok")
            until("the file is rewritten", lambda: all(end in client.do("INFO", "persistence") for end in ends))
            return next(files.glob("*.base.*"))

        limits.before(client)
        base = rewrite("no")
        (folder / "commands/appendonlydir").mkdir(parents=True)
        shutil.copy(base, folder / "commands/appendonlydir")
        rewrite("yes")
        limits.after(client, other)
        time.sleep(1.1)  # until what is to be past is past
        client.do("SAVE")
        digest = client.do("DEBUG", "DIGEST")
        source.stop()
        (folder / "rdb").mkdir()
        shutil.copy(source.folder / "dump.rdb", folder / "rdb")
        shutil.copytree(files, folder / "preamble/appendonlydir")
        # The base of commands with the increment of the other one, which holds what came after either.
        commands = folder / "commands/appendonlydir"
        shutil.copy(next(files.glob("*.incr.aof")), commands)
        manifest = (files / "appendonly.aof.manifest").read_text().splitlines()
        lines = [f"file {base.name} seq {base.name.split('.')[2]} type b" if line.endswith("b") else line for line in manifest]
        (commands / "appendonly.aof.manifest").write_text("\n".join(lines) + "\n")
    return digest


def answers(files, server, pause=0.0):
    """Asks a server that has loaded the files: its digest, and questions with their replies."""
    with server(files=files, aof=files.name != "rdb") as loaded:
        client = loaded.client()
        return client.do("DEBUG", "DIGEST"), list(questions.ask(client, pause))


def dumps(files, server):
    """A line for each key: its database, its name, when it expires, and what DUMP gives, in hexadecimal."""
    with server(files=files) as loaded:
        client = loaded.client()
        for db, keys in questions.keys(client).items():
            client.do("SELECT", db)
            for key in keys:
                yield f"{db} {word(key)} {client.do('PEXPIRETIME', key)} {client.do('DUMP', key).hex()}\n"


def word(argument):
    return escape(argument) or '""'


def merged(reply, later):
    """What another load answers otherwise depends on the clock: it is a `*`."""
    one, two = text(reply).split(), text(later).split()
    return " ".join(a if a == b else "*" for a, b in zip(one, two, strict=True))


def main():
    folder, program, module = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).resolve()

    def server(**settings):
        return Server(program, module, **settings)

    written = write(folder, server)
    loads = [answers(folder / kind, server) for kind in ("rdb", "preamble", "commands")]
    loads.append(answers(folder / "rdb", server, pause=0.003))
    assert all(digest == written for digest, _ in loads), "what was loaded is not what was written"
    lines = []
    for asked in zip(*(load for _, load in loads), strict=True):
        replies = [reply for _, reply in asked]
        last = [merged(replies[0], reply) for reply in replies[1:]]
        assert last[0] == last[1] or "*" in last[-1], "the files do not agree"
        lines.append(f"> {' '.join(map(word, asked[0][0]))}\n{last[-1]}\n")
    (folder / "answers").write_text("".join(lines))
    (folder / "dumps").write_text("".join(dumps(folder / "rdb", server)))
    print(f"{folder}: {len(lines)} answers")


if __name__ == "__main__":
    main()
