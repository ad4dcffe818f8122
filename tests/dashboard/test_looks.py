"""The page can be read, by eye, by ear, and without a mouse. Pictures of it are taken to be looked at."""

import math
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import TIMEOUT
from playwright.sync_api import expect

SCHEMES = ["light", "dark"]
LIMITS = [
    {"name": "rpm", "limit": 60, "window": "1m"},
    {"name": "tpm", "limit": 80_000, "window": "1m", "unit": "tokens"},
    {"name": "tpd", "limit": 2_000_000, "window": "1d", "unit": "tokens"},
]
# Seconds of traffic before pictures are taken. Five minutes fill the plots.
SECONDS = int(os.environ.get("RL_PICTURES_SECONDS", "10"))
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture
def busy(server):
    """A server that was asked this and that."""
    for i in range(40):
        server.post("/v1/quota", {"key": "llm:claude", "limits": LIMITS, "cost": {"tokens": 1_900}})
        server.slide("api:anthropic", 30, 1)
        server.slide(f"user:{i % 9}", 6, 1)
        server.post("/v1/bucket", {"key": "api:openai", "capacity": 50, "refill": 1, "period": "10s"})
    server.slide("a-key-that-is-" + "very-" * 60 + "long", 3, 4)
    server.slide("<b>\u202eno markup</b>", 10, 2)
    return server


def settled(page):
    expect(page.locator("#connection")).to_have_text("Live")
    expect(page.locator("#top > tr").first).to_be_visible()
    expect(page.locator("#rates .line.admitted")).to_have_count(1)


def test_nothing_is_wrong_by_axe_nor_wider_than_the_window(busy, visit, pictures):
    """All sizes and themes at once, while there is traffic."""
    pages = {
        (scheme, width): visit(busy.url, color_scheme=scheme, viewport={"width": WIDTHS[width], "height": 844})
        for scheme in SCHEMES
        for width in WIDTHS
    }
    line = {"key": "line", "limit": 1, "window": "1h"}
    assert busy.post("/v1/slide", line)[0] == 200
    with ThreadPoolExecutor(10) as clients:
        for lane in ["critical", "normal", "normal", "normal", "low"]:
            waits = {"wait": "1h", "priority": lane, "flow": f"tenant of the lane {lane}"}
            clients.submit(busy.post, "/v1/slide", line | waits, timeout=3_600)
        stop = threading.Event()
        clients.submit(traffic, busy, stop)
        try:
            for (scheme, width), page in pages.items():
                settled(page)
                row = page.locator("#rates-rows > tr").nth(min(29, SECONDS // 10))
                expect(row).to_be_attached(timeout=(SECONDS + TIMEOUT) * 1000)
                expect(page.locator("#lanes > tr")).to_have_count(1)
                expect(page.locator("#flows > tr")).to_have_count(3)
                background = page.evaluate("getComputedStyle(document.body).backgroundColor")
                assert (sum(map(int, re.findall(r"\d+", background)[:3])) > 384) == (scheme == "light"), background
                page.get_by_text("As a table").click()
                assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[width]
                found = Axe().run(page)
                assert found.violations_count == 0, found.generate_report()
                assert len(found.response["passes"]) > 20, "axe looked at nothing"
                page.get_by_text("As a table").click()
                page.screenshot(path=pictures / f"{scheme}-{width}.png", full_page=True, animations="disabled")
        finally:
            stop.set()
            busy.kill()


def traffic(server, stop):
    """Sends requests at a rate that rises and falls, until it is stopped."""
    second = 0
    while not stop.wait(0.1):
        second += 0.1
        try:
            for _ in range(int(3 + 2.5 * math.sin(second / 8))):
                server.slide("api:anthropic", 30, 1)
                server.post("/v1/bucket", {"key": "api:openai", "capacity": 50, "refill": 9, "period": "1s"})
            server.post(
                "/v1/quota",
                {"key": "llm:claude", "limits": LIMITS, "cost": {"tokens": int(90 + 80 * math.sin(second / 9))}},
            )
        except OSError:
            return  # the server has ended


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_form_for_a_token_is_accessible(protected, visit, pictures, scheme):
    page = visit(protected.url, color_scheme=scheme, viewport={"width": 390, "height": 844})
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Watch").click()
    expect(page.get_by_role("alert")).to_have_text(re.compile("."))
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.screenshot(path=pictures / f"{scheme}-token.png", full_page=True)


def luminance(color):
    channels = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return sum(part * c for part, c in zip((0.2126, 0.7152, 0.0722), channels, strict=True))


def contrast(one, other):
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


# Matrices on linear RGB that simulate the lack of one kind of cone: two by Viénot, Brettel and Mollon (1999),
# one by Machado, Oliveira and Fernandes (2009).
BLIND = {
    "protanopia": ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0)),
    "deuteranopia": ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.3039)),
}


def seen(color, matrix):
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in color]
    return [sum(m * c for m, c in zip(row, linear, strict=True)) for row in matrix]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_colors_that_axe_does_not_measure_have_contrast(busy, visit, scheme):
    page = visit(busy.url, color_scheme=scheme)
    settled(page)

    def color(selector, what):
        """Red, green, blue from 0 to 1, as the browser computes them."""
        value = page.locator(selector).first.evaluate("(element, what) => getComputedStyle(element)[what]", what)
        return [int(part) / 255 for part in re.findall(r"\d+", value)[:3]]

    card = color(".card", "backgroundColor")
    admitted, denied = color("#rates .line.admitted", "stroke"), color("#rates .line.denied", "stroke")
    # WCAG 2.2: a contrast of 4.5 for text (1.4.3), and of 3 for graphics and for the edges of controls
    # (1.4.11).
    assert contrast(color("#rates .tick", "fill"), card) >= 4.5
    for drawn in (admitted, denied, color(".gauge .used", "fill"), color("#pause", "borderTopColor")):
        assert contrast(drawn, card) >= 3
    assert contrast(color(".gauge .used", "fill"), color(".gauge .track", "fill")) >= 3
    for kind, matrix in BLIND.items():
        difference = max(abs(a - b) for a, b in zip(seen(admitted, matrix), seen(denied, matrix), strict=True))
        assert difference > 0.2, (kind, difference)
    # The lines differ in more than their color.
    assert color("#rates .line.denied", "strokeDasharray") != color("#rates .line.admitted", "strokeDasharray")


def test_the_theme_can_be_chosen_and_is_remembered(busy, visit):
    page = visit(busy.url, color_scheme="dark")
    settled(page)

    def background():
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    dark = background()
    page.get_by_label("Theme").select_option("Light")
    light = background()
    assert light != dark
    page.reload()
    settled(page)
    assert background() == light
    page.get_by_label("Theme").select_option("System")
    assert background() == dark


def test_all_of_it_is_reached_by_keyboard_in_order_and_seen(busy, visit):
    page = visit(busy.url)
    settled(page)
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("document.activeElement.textContent.trim().split('\\n')[0] || document.activeElement.id")
        )
        outline = page.evaluate(
            "(({ outlineStyle, outlineWidth }) => outlineStyle + outlineWidth)(getComputedStyle(document.activeElement))"
        )
        assert outline == "solid3px", (reached, outline)
        box = page.evaluate("(({ left, top }) => [left, top])(document.activeElement.getBoundingClientRect())")
        assert min(box) >= 0, (reached, box)
    assert reached == ["Skip to the numbers", "Pause", "System", "As a table"]
    page.keyboard.press("Enter")
    expect(page.locator("#rates-rows")).to_be_visible()
    page.locator("#pause").focus()
    page.keyboard.press("Space")
    expect(page.locator("#connection")).to_have_text("Paused")
    expect(page.locator("#pause")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#connection")).to_have_text("Live")

    # The link that skips the header.
    page.get_by_role("link", name="Skip to the numbers").focus()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator("summary")).to_be_focused()


@pytest.mark.parametrize("width", WIDTHS.values())
def test_a_screen_reader_finds_landmarks_headings_and_tables(busy, visit, width):
    page = visit(busy.url, viewport={"width": width, "height": 844})
    settled(page)
    page.get_by_text("As a table").click()
    assert page.get_by_role("banner").count() == page.get_by_role("main").count() == 1
    assert page.get_by_role("heading", level=1).all_text_contents() == ["Rate limits"]
    assert page.get_by_role("heading", level=2).all_text_contents() == [
        "Since the server started",
        "Requests per second, last 5 minutes",
        "Waiting lanes",
        "Top keys",
        "How much of their limits is used",
    ]
    for title in ("Since the server started", "Top keys", "Waiting lanes", "How much of their limits is used"):
        assert page.get_by_role("region", name=title).count() == 1
    assert page.get_by_role("img", name="Requests per second, last 5 minutes").count() == 1
    # The tables keep their role where their rows are not laid out as a table.
    top = page.get_by_role("table", name="The keys with most requests, heaviest first")
    assert [head.strip() for head in top.get_by_role("columnheader").all_text_contents()] == [
        "Key",
        "Admitted",
        "Denied",
        "Share denied",
    ]
    row = top.get_by_role("row").filter(has_text="llm:claude")
    assert row.get_by_role("rowheader").all_text_contents() == ["llm:claude"]
    assert row.get_by_role("cell").all_text_contents() == ["40", "0", "0 %"]
    assert page.get_by_role("table", name="Requests in each 10 seconds, newest first").count() == 1


def test_only_changes_of_state_are_spoken(busy, visit):
    page = visit(busy.url)
    settled(page)
    live = page.locator("[aria-live], [role=status], [role=alert], output").evaluate_all(
        "all => all.map(element => element.id)"
    )
    assert live == ["connection", "entry-error", "backend"]
    page.evaluate(
        "window.spoken = []; for (const id of ['connection', 'entry-error', 'backend'])"
        " new MutationObserver((changes) => spoken.push(...changes))"
        ".observe(document.getElementById(id), { childList: true, characterData: true, subtree: true })"
    )
    before = page.locator("#when").text_content()
    busy.slide("extra", 100, 3)
    expect(page.locator("#when")).not_to_have_text(before)
    expect(page.locator("#top > tr", has_text="extra")).to_be_visible()
    assert page.evaluate("spoken.length") == 0
    page.get_by_role("button", name="Pause").click()
    assert page.evaluate("spoken.length") > 0


def test_read_or_selected_text_stays_while_numbers_move(busy, visit):
    page = visit(busy.url)
    settled(page)
    page.get_by_text("As a table").click()
    page.evaluate("window.row = document.querySelector('#top > tr'); getSelection().selectAllChildren(row.cells[0])")
    selected = page.evaluate("getSelection().toString()")
    before = page.locator("#admitted").text_content()
    busy.slide("extra", 100, 3)
    expect(page.locator("#admitted")).not_to_have_text(before)
    assert page.evaluate("document.contains(row) && getSelection().toString()") == selected
    assert page.locator("details").evaluate("details => details.open")


def test_less_motion_is_less_motion(busy, visit):
    page = visit(busy.url, reduced_motion="reduce")
    settled(page)
    assert page.locator(".used").first.evaluate("bar => getComputedStyle(bar).transitionDuration") == "0s"
    line = page.locator("#rates .line.admitted")
    drawn = line.get_attribute("d")
    before = page.locator("#admitted").text_content()
    busy.slide("extra", 100, 3)
    # Numbers are still updated at once. The plot moves every ten seconds.
    expect(page.locator("#admitted")).not_to_have_text(before)
    assert line.get_attribute("d") == drawn
    other = visit(busy.url)
    settled(other)
    assert other.locator(".used").first.evaluate("bar => getComputedStyle(bar).transitionDuration") == "0.3s"
    moving = other.locator("#rates .line.admitted").get_attribute("d")
    expect(other.locator("#rates .line.admitted")).not_to_have_attribute("d", moving)
