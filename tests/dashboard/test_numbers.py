"""What the page says is what was sent."""

import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

from conftest import expect_requests, expect_rows
from playwright.sync_api import expect


def test_an_unused_server_says_so_and_how_to_ask(server, visit):
    page = visit(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#backend")).to_have_text("embedded, up")
    for number in ("admitted", "denied", "errors", "waiting"):
        expect(page.locator(f"#{number}")).to_have_text("0")
    expect(page.get_by_text("No requests yet.")).to_be_visible()
    expect(page.get_by_text("Nobody waits.")).to_be_visible()
    expect(page.get_by_text("Nothing is used.")).to_be_visible()
    assert page.locator("table:visible").count() == 0

    # The shell line on the page, run unchanged, sends a first request.
    answer = subprocess.run(
        ["sh", "-c", page.locator("#example").text_content()], capture_output=True, text=True, check=True
    )
    assert '"allowed":' in answer.stdout, answer
    expect(page.locator("#admitted")).to_have_text("1")
    expect_rows(page, "#top", [["hello", "1", "0", "0 %"]])


def test_totals_top_keys_and_rates_match_the_requests(server, visit):
    page = visit(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    sent = {
        "heavy": server.slide("heavy", 30, 50),
        "light": server.slide("light", 100, 7),
        "never": server.slide("never", 1, 12, cost=2),
    }
    assert sent == {"heavy": (30, 20), "light": (7, 0), "never": (0, 12)}
    expect(page.locator("#admitted")).to_have_text("37")
    expect(page.locator("#denied")).to_have_text("32")
    expect(page.locator("#errors")).to_have_text("0")
    # Keys with equal numbers of requests may come in any order. These keys have different numbers.
    expect_rows(
        page,
        "#top",
        [
            ["heavy", "30", "20", "40 %"],
            ["never", "0", "12", "100 %"],
            ["light", "7", "0", "0 %"],
        ],
    )

    # All requests were sent after the page was opened, so the rows of 10 seconds in the table add up to them.
    page.get_by_text("As a table").click()
    expect_requests(page, 37, 32)
    expect(page.locator("#rates-summary")).to_contain_text(re.compile(r"Admitted: .* at most\. Denied: .* at most\."))
    assert page.locator("#rates .line.admitted").count() == 1
    assert page.locator("#rates .line.denied").count() == 1


def test_errors_are_counted(server, visit):
    page = visit(server.url)
    expect(page.locator("#errors")).to_have_text("0")
    status, _ = server.post("/v1/slide", {"key": "k", "limit": -1, "window": "1h"})
    assert status == 400
    expect(page.locator("#errors")).to_have_text("1")
    expect(page.locator("#admitted")).to_have_text("0")


def test_each_limit_of_a_quota_is_shown_as_full_as_it_is(server, visit):
    limits = [
        {"name": "rpm", "limit": 4, "window": "1h"},
        {"name": "tpm", "limit": 1000, "window": "1h", "unit": "tokens"},
    ]
    for _ in range(3):
        status, _ = server.post("/v1/quota", {"key": "q:team", "limits": limits, "cost": {"tokens": 333}})
        assert status == 200
    server.slide("all", 5, 6)
    page = visit(server.url)
    cards = page.locator("#fill > li")
    expect(cards).to_have_count(2)
    # The key with the most requests comes first.
    expect(cards.nth(0).locator("h3")).to_have_text("all")
    expect(cards.nth(0)).to_contain_text("sliding window")
    expect(cards.nth(0).locator(".level")).to_have_text("used up")
    expect(cards.nth(0).locator(".counts")).to_contain_text("5 of 5, 0 left; all back in ")
    expect(cards.nth(1).locator("h3")).to_have_text("q:team")
    gauges = cards.nth(1).locator(".gauge")
    expect(gauges.locator(".title .name")).to_have_text(["rpm", "tpm"])
    expect(gauges.locator(".level")).to_have_text(["75 % used", "> 99 % used"])
    expect(gauges.nth(0).locator(".counts")).to_contain_text("3 of 4, 1 left")
    expect(gauges.nth(1).locator(".counts")).to_contain_text("999 of 1,000, 1 left")
    # The bars are as long as the numbers say, out of 100. Each plot has a line at the height of its bar.
    bars = page.locator(".used").evaluate_all("bars => bars.map(bar => Number(bar.getAttribute('width')))")
    assert [round(bar, 1) for bar in bars] == [100, 75, 99.9]
    expect(page.locator(".gauge .plot .line")).to_have_count(3)


def test_flows_are_shown_with_what_they_have(server, visit):
    page = visit(server.url)
    body = {"key": "line", "limit": 4, "window": "6s"}
    assert server.post("/v1/slide", body | {"cost": 4})[0] == 200
    flows = ["quiet", "flood", "flood", "<b>"]
    expect(page.locator("#flows-table")).to_be_hidden()
    with ThreadPoolExecutor() as clients:
        answers = [clients.submit(server.post, "/v1/slide", body | {"wait": "1m", "flow": flow}) for flow in flows]
        expect(page.locator("#flows > tr")).to_have_count(3)
        expect(page.locator("#flows > tr").nth(0)).to_contain_text("flood")
        cells = page.locator("#flows > tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].slice(0, 6).map(cell => cell.textContent))"
        )
        assert cells[0] == ["line", "flood", "normal", "2", "0", "0 %"]
        assert sorted(row[1] for row in cells) == ["<b>", "flood", "quiet"]
        assert [answer.result()[0] for answer in answers] == [200] * 4
    expect(page.locator("#flows-table")).to_be_hidden()


def test_waiters_are_shown_by_lane_and_disappear_when_served(server, visit):
    page = visit(server.url)
    body = {"key": "line", "limit": 4, "window": "6s"}
    assert server.post("/v1/slide", body | {"cost": 4})[0] == 200
    lanes = ["low", "normal", "normal", "critical"]
    with ThreadPoolExecutor() as clients:
        answers = [clients.submit(server.post, "/v1/slide", body | {"wait": "1m", "priority": lane}) for lane in lanes]
        expect(page.locator("#waiting")).to_have_text("4")
        expect_rows(page, "#lanes", [["line", "1", "0", "2", "1", "4"]])
        # All waiters are admitted when the first request leaves the window.
        assert [answer.result()[0] for answer in answers] == [200] * 4
    expect(page.locator("#waiting")).to_have_text("0")
    expect(page.get_by_text("Nobody waits.")).to_be_visible()
    assert page.locator("#lanes > tr").count() == 0
    expect(page.locator("#admitted")).to_have_text("5")
