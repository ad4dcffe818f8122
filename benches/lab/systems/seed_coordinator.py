"""The service of the seed's fourth recipe, as published: one window in memory, one request at a time."""

import json
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, HTTPServer

from jobs import MINUTE, REQUESTS, SCALE


class Window:
    def __init__(self):
        self.requests, self.lock = deque(), threading.Lock()

    def allow(self):
        now = time.time()
        with self.lock:
            while self.requests and self.requests[0] < now - MINUTE:
                self.requests.popleft()
            if len(self.requests) < REQUESTS:
                self.requests.append(now)
                return True, 0.0
            return False, self.requests[0] + MINUTE - now + 0.1 * SCALE


def serve(port):
    window = Window()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            allowed, retry_after = window.allow()
            body = json.dumps({"allowed": allowed, "retry_after": retry_after}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    HTTPServer(("127.0.0.1", port), Handler).serve_forever()
