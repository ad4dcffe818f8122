"""With a Redis server as the back end the page says the same, and says when that server is gone."""

import os
import subprocess

import pytest
from conftest import free_port
from playwright.sync_api import expect


@pytest.fixture
def redis(tmp_path):
    """Starts a Redis server with the module, each time on the same port: its address, and the process."""
    port, running = free_port(), []

    def start():
        command = [
            os.environ["RL_REDIS_SERVER"],
            "--loadmodule",
            os.environ["REDIS_RL_MODULE"],
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            tmp_path,
        ]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for line in running[-1].stdout:
            if "Ready to accept connections" in line:
                return f"redis://127.0.0.1:{port}", running[-1]
        raise AssertionError("the Redis server ended as it started")

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_redis_server_that_restarts(coordinator, redis, visit):
    url, process = redis()
    server = coordinator("--redis", url)
    page = visit(server.url)
    expect(page.locator("#backend")).to_have_text("Redis, up")
    assert server.slide("k", 5, 7) == (5, 2)
    expect(page.locator("#admitted")).to_have_text("5")
    expect(page.locator("#denied")).to_have_text("2")
    expect(page.locator("#top > tr > *")).to_have_text(["k", "5", "2", "29 %"])
    expect(page.locator(".gauge .level")).to_have_text("used up")
    expect(page.locator(".gauge .counts")).to_contain_text("5 of 5, 0 left; all back in ")

    process.kill()
    expect(page.locator("#backend")).to_have_text("Redis, down")
    expect(page.locator("#backend")).to_have_attribute("data-state", "bad")
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.get_by_text("how much is used is not known")).to_be_visible()
    expect(page.locator("#top > tr > th")).to_have_text("k")

    redis()
    expect(page.locator("#backend")).to_have_text("Redis, up")
    assert server.slide("new", 5, 1) == (1, 0)
    expect(page.locator("#admitted")).to_have_text("6")
    expect(page.locator(".gauge .counts")).to_contain_text("1 of 5, 4 left")
