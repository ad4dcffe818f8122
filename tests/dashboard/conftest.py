"""A real rl-coordinator and a real browser, for the tests of its page.

RL_COORDINATOR names the program, RL_BROWSER the browser (Chromium), RL_REDIS_SERVER and REDIS_RL_MODULE the server for
the other back end; pictures go to the folder RL_PICTURES.
"""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import expect, sync_playwright

SECRET = "s3cret-of-this-test"
ONLY_MINE = "only-mine-of-this-test"
TIMEOUT = 20  # seconds, for a program to start or a number to arrive
expect.set_options(timeout=TIMEOUT * 1000)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Coordinator:
    """One server, which may be stopped and started again on its port."""

    def __init__(self, folder, *options):
        self.folder, self.options, self.process = folder, options, None
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self):
        command = [os.environ["RL_COORDINATOR"], "--listen", f"127.0.0.1:{self.port}", *self.options]
        with open(self.folder / "log", "ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        end = time.monotonic() + TIMEOUT
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "log").read_text()
            try:
                with urllib.request.urlopen(f"{self.url}/healthz", timeout=TIMEOUT):
                    return self
            except OSError:
                time.sleep(0.05)  # not listening yet
        raise AssertionError(f"not listening within {TIMEOUT} s: {(self.folder / 'log').read_text()}")

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def post(self, path, body, token=None, timeout=TIMEOUT):
        """The status and the JSON of an answer."""
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def slide(self, key, limit, times, token=None, **more):
        """Asks so often for one of so many in an hour: how many were admitted, how many denied."""
        statuses = [
            self.post("/v1/slide", {"key": key, "limit": limit, "window": "1h", **more}, token)[0] for _ in range(times)
        ]
        assert set(statuses) <= {200, 429}, statuses
        return statuses.count(200), statuses.count(429)


def expect_rows(page, table, rows):
    """A table's body has, or comes to have, these rows of text."""
    expect(page.locator(f"{table} > tr > *")).to_have_text([cell for row in rows for cell in row])


def expect_requests(page, admitted, denied):
    """The table of each 10 seconds sums up, or comes to sum up, to these."""
    summed = "body => [1, 2].map(i => [...body.rows].reduce((sum, row) => sum + Number(row.cells[i].textContent), 0))"
    end = time.monotonic() + TIMEOUT
    while (found := page.locator("#rates-rows").evaluate(summed)) != [admitted, denied]:
        assert time.monotonic() < end, found
        page.wait_for_timeout(100)


@pytest.fixture
def coordinator(tmp_path):
    """Starts a server with these options."""
    running = []

    def start(*options):
        folder = tmp_path / str(len(running))
        folder.mkdir()
        running.append(Coordinator(folder, *options))
        return running[-1].start()

    yield start
    for server in running:
        if server.process:
            server.signal(signal.SIGCONT)
            server.kill()


@pytest.fixture
def server(coordinator):
    return coordinator()


@pytest.fixture
def protected(coordinator, tmp_path):
    """A server that asks for a token: there is one for all keys, and one for some."""
    (tmp_path / "tokens.toml").write_text(f"""
        [[token]]
        name = "all"
        token = "{SECRET}"
        [[token]]
        name = "mine"
        token = "{ONLY_MINE}"
        prefixes = ["mine:"]
    """)
    return coordinator("--config", tmp_path / "tokens.toml")


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        # The browser runs without its own sandbox, because it cannot have one as root. It loads only these
        # tests here.
        chromium = playwright.chromium.launch(executable_path=os.environ["RL_BROWSER"], args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser):
    """Opens the page of a server, in a browser with these settings. The test fails if the page has an error, is refused
    something by its Content-Security-Policy, or asks another server for anything."""
    contexts, wrong = [], []

    def open_page(url, **settings):
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on(
            "request", lambda request: wrong.append(request.url) if not request.url.startswith((url, "data:")) else None
        )
        page.add_init_script(
            "addEventListener('securitypolicyviolation', (event) => setTimeout(() => {"
            " throw new Error(`policy: ${event.violatedDirective} ${event.blockedURI}`) }))"
        )
        page.goto(url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not wrong, wrong


@pytest.fixture(scope="session")
def pictures(tmp_path_factory):
    folder = Path(os.environ.get("RL_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder
