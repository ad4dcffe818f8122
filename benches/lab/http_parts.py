"""What the three APIs of the lab's provider share: reading a request, and writing a stream."""

import datetime
import json
import re

from aiohttp import web


def text_of(message):
    content = message["content"]
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def job_of(text):
    found = re.match(r"job (\S+): ", text)
    return found[1] if found else text


async def read(request):
    body = await request.json()
    texts = [text_of(message) for message in body.get("messages", [])] or [body.get("prompt", "")]
    return body, texts, job_of(texts[-1])


def sse(name, body):
    event = f"event: {name}\n" if name else ""
    return f"{event}data: {body if isinstance(body, str) else json.dumps(body)}\n\n".encode()


async def stream(request, headers, events):
    response = web.StreamResponse(headers={"content-type": "text/event-stream", **headers})
    await response.prepare(request)
    try:
        async for event in events:
            await response.write(event)
        await response.write_eof()
    except ConnectionError:
        pass  # the caller was killed
    return response


def rfc3339(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
