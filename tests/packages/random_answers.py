#!/usr/bin/env python3
"""A provider whose answers are random: JSON and streams, text and tool calls, in pieces that break anywhere, and streams that break off.

    POST /v1/messages      the body's model is the number of the answer: m-17. Shaped as Anthropic's
    GET /plan              what the answers are: [{"kind", "leave"}]. A caller leaves a stream after `leave` bytes
    GET /sent/17           the bytes of the last answer 17, as far as they were sent. `x-first` is when the first was sent, in ns of the monotonic
                           clock, `x-input` and `x-output` are the tokens of the whole answer

    random_answers.py --port 8090 --seed 1 --calls 1000

The answers follow from the seed. Four bytes of text are a token. It is its own HTTP server, so that it decides where a piece ends.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any, Optional

KINDS = ("json", "stream", "abandoned", "broken")
WORDS = ("word ", "naïve ", "日本 ", "🙂 ", '"quoted" ', "line\n", "\\ ", "data: ", "\r\n\r\n")


def event(kind: str, **body: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **body}, ensure_ascii=False)}\n\n".encode()


@dataclass
class Answer:
    kind: str
    body: bytes
    pieces: list[bytes]
    leave: int
    input: int
    output: int
    sent: bytearray = field(default_factory=bytearray)
    first: int = 0


def make(seed: int, number: int) -> Answer:
    dice = random.Random(f"{seed}:{number}")
    kind = dice.choice(KINDS)
    texts = ["".join(dice.choices(WORDS, k=dice.randint(1, 12))) for _ in range(dice.randint(3, 30))]
    tool = dice.random() < 0.4
    given, output = dice.randint(1, 5000), -(-sum(len(text.encode()) for text in texts) // 4)
    usage = {"input_tokens": given, "cache_creation_input_tokens": 0, "cache_read_input_tokens": dice.randint(0, 99), "output_tokens": 1}
    message: dict[str, Any] = {"id": f"msg_{number}", "type": "message", "role": "assistant", "model": f"m-{number}", "content": []}
    message |= {"stop_reason": None, "stop_sequence": None, "usage": usage}
    block: dict[str, Any] = {"type": "tool_use", "id": f"toolu_{number}", "name": "look", "input": {}} if tool else {"type": "text", "text": ""}
    if kind == "json":
        block |= {"input": {"query": "".join(texts)}} if tool else {"text": "".join(texts)}
        message |= {"content": [block], "stop_reason": "tool_use" if tool else "end_turn", "usage": {**usage, "output_tokens": output}}
        body = json.dumps(message, ensure_ascii=False).encode()
    else:
        parts = [event("message_start", message=message), event("content_block_start", index=0, content_block=block)]
        for text in texts:
            delta = {"type": "input_json_delta", "partial_json": text} if tool else {"type": "text_delta", "text": text}
            parts.append(event("content_block_delta", index=0, delta=delta))
            if dice.random() < 0.1:
                parts.append(event("ping"))
        parts.append(event("content_block_stop", index=0))
        end = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
        parts += [event("message_delta", delta=end, usage={"output_tokens": output}), event("message_stop")]
        body = b"".join(parts)
    # Some providers end lines with CR LF.
    if kind != "json" and dice.random() < 0.2:
        body = body.replace(b"\n", b"\r\n")
    cuts = sorted(dice.sample(range(1, len(body)), min(len(body) - 1, dice.randint(1, 20))))
    pieces = [body[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(body)])]
    if kind == "broken":
        pieces = pieces[: dice.randint(1, len(pieces) - 1)]
    leave = dice.randint(1, len(body) // 2) if kind == "abandoned" else 0
    return Answer(kind, body, pieces, leave, given, output)


class Server:
    def __init__(self, seed: int, calls: int) -> None:
        self.answers = [make(seed, number) for number in range(calls)]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self.one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answers a request. Returns whether the connection goes on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        path = head.split(" ")[1]
        length = next((int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length:")), 0)
        body = await reader.readexactly(length)
        if path != "/v1/messages":
            writer.write(self.look(path))
            await writer.drain()
            return True
        return await self.answer(self.answers[int(json.loads(body)["model"].removeprefix("m-"))], writer)

    def look(self, path: str) -> bytes:
        head = "HTTP/1.1 200 OK\r\n"
        if path == "/plan":
            body = json.dumps([{"kind": each.kind, "leave": each.leave} for each in self.answers]).encode()
        else:
            answer = self.answers[int(path.removeprefix("/sent/"))]
            body = bytes(answer.sent)
            head += f"x-first: {answer.first}\r\nx-input: {answer.input}\r\nx-output: {answer.output}\r\n"
        return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body

    async def answer(self, answer: Answer, writer: asyncio.StreamWriter) -> bool:
        answer.sent = sent = bytearray()
        is_json = answer.kind == "json"
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n" % (b"application/json" if is_json else b"text/event-stream")
        # Each header of a limit is there: what they say is passed on while the first byte is on its way.
        head += b"anthropic-ratelimit-requests-limit: 1000000\r\nanthropic-ratelimit-requests-remaining: 999999\r\n"
        head += b"content-length: %d\r\n\r\n" % len(answer.body) if is_json else b"transfer-encoding: chunked\r\n\r\n"
        for number, piece in enumerate(answer.pieces):
            if number == 0:
                answer.first = time.monotonic_ns()
            else:
                await asyncio.sleep(0.0005)
            sent += piece
            writer.write(head * (number == 0) + (piece if is_json else b"%x\r\n%s\r\n" % (len(piece), piece)))
            await writer.drain()
        if answer.kind == "broken":
            return False
        writer.write(b"" if is_json else b"0\r\n\r\n")
        await writer.drain()
        return True


async def serve(port: int, seed: int, calls: int) -> None:
    server = await asyncio.start_server(Server(seed, calls).serve, "127.0.0.1", port)
    await server.serve_forever()


def main(words: Optional[list[str]] = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("port", "seed", "calls"):
        options.add_argument(f"--{name}", type=int, required=True)
    chosen = options.parse_args(words)
    asyncio.run(serve(chosen.port, chosen.seed, chosen.calls))


if __name__ == "__main__":
    main()
