"""The page keeps its connection, and says what became of it."""

import os
import re
import signal
import subprocess

from conftest import ONLY_MINE, SECRET, expect_requests
from playwright.sync_api import expect


def live(page):
    expect(page.locator("#connection")).to_have_text("Live")


def test_paused_numbers_do_not_change_and_catch_up(server, visit):
    page = visit(server.url)
    live(page)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#connection")).to_have_text("Paused")
    seen = page.locator("#when").text_content()
    other = visit(server.url)
    server.slide("k", 10, 3)
    # When another page shows the numbers, this page has received them too.
    expect(other.locator("#admitted")).to_have_text("3")
    page.wait_for_timeout(1_500)
    expect(page.locator("#admitted")).to_have_text("0")
    assert page.locator("#when").text_content() == seen
    page.get_by_role("button", name="Resume").click()
    live(page)
    expect(page.locator("#admitted")).to_have_text("3")
    # The rates include the requests that arrived during the pause, as without a pause.
    expect_requests(page, 3, 0)


def test_a_server_that_restarts_is_found_again(server, visit):
    page = visit(server.url)
    live(page)
    server.slide("k", 10, 4)
    expect(page.locator("#admitted")).to_have_text("4")
    server.kill()
    expect(page.locator("#connection")).to_have_text(re.compile("Trying again"))
    expect(page.locator("#when")).to_have_text(re.compile(r"^in \d+ s, as of \d\d:\d\d:\d\d$"))
    # The last numbers stay on the page with their time, but the page no longer says that all is well.
    expect(page.locator("#backend")).to_have_text("not known")
    expect(page.locator("#admitted")).to_have_text("4")
    server.start()
    live(page)
    expect(page.locator("#backend")).to_have_text("embedded, up")
    server.slide("new", 10, 1)
    expect(page.locator("#top > tr", has_text="new")).to_be_visible()
    # Counters that start again at zero must not show as a negative number of requests.
    assert "-" not in page.locator("#rates-summary").text_content()
    assert page.locator("#rates .line").evaluate_all(
        "lines => lines.every(line => !line.getAttribute('d').includes('NaN'))"
    )


def test_it_retries_less_often_and_at_once_on_request(server, visit):
    page = visit(server.url)
    live(page)
    server.kill()
    tries = []
    page.on("requestfailed", lambda request: tries.append(request.url))
    expect(page.locator("#when")).to_have_text(re.compile(r"^in [45] s"))
    assert 3 <= len(tries) <= 5, tries
    server.start()
    page.get_by_role("button", name="Try now").click()
    expect(page.locator("#connection")).to_have_text("Live", timeout=2_000)
    expect(page.get_by_role("button", name="Try now")).to_be_hidden()


def test_a_server_that_hangs_is_given_up(server, visit):
    page = visit(server.url)
    live(page)
    server.signal(signal.SIGSTOP)
    expect(page.locator("#connection")).to_have_text("The server is silent. Trying again")
    server.signal(signal.SIGCONT)
    live(page)


def test_no_token_a_wrong_one_the_right_one(protected, visit):
    page = visit(protected.url)
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    expect(page.locator("#connection")).to_have_text("A token is needed")
    expect(page.locator("#numbers")).to_be_hidden()

    field.fill("wrong")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("This token is not one that may watch.")
    expect(field).to_be_focused()
    expect(field).to_have_value("")

    field.fill("tök en")
    field.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("A token is made of visible ASCII characters, without spaces.")

    field.fill(SECRET)
    field.press("Enter")
    live(page)
    expect(field).to_be_hidden()
    expect(page.locator("#numbers")).to_be_visible()
    # The shell line also works with a token.
    asked = subprocess.run(
        ["sh", "-c", page.locator("#example").text_content()],
        capture_output=True,
        check=True,
        env=os.environ | {"TOKEN": SECRET},
    )
    assert b'"allowed":true' in asked.stdout, asked
    assert SECRET not in page.content()
    assert SECRET not in page.url

    # The token is kept for this tab, and for no other.
    page.reload()
    live(page)
    assert page.evaluate(
        "[...Array(localStorage.length).keys()].map(i => localStorage.getItem(localStorage.key(i)))"
    ) == [""]
    other = visit(protected.url)
    expect(other.get_by_label("Token")).to_be_visible()

    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Token")).to_be_visible()
    assert page.evaluate("Object.values(sessionStorage)") == [""]


def test_a_token_with_a_prefix_shows_its_own_keys_only(protected, visit):
    protected.slide("mine:k", 5, 1, token=SECRET)
    protected.slide("other:k", 5, 1, token=SECRET)
    page = visit(protected.url)
    page.get_by_label("Token").fill(ONLY_MINE)
    page.get_by_role("button", name="Watch").click()
    expect(page.locator("#top .name")).to_have_text(["mine:k"])
    expect(page.locator("#fill h3")).to_have_text(["mine:k"])
