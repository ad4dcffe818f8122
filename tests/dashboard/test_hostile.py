"""Keys are whatever their senders wish: on the page they are text, in its place, and show all that they are of."""

import pytest
from playwright.sync_api import expect

LONG = "a" * 512 + "b" * 512  # the longest keys that the server accepts
KEYS = {
    "markup": "<img src=x onerror=alert(1)><script>alert(2)</script><style>*{display:none}</style>",
    "attribute": "\"'><svg onload=alert(3)>` style=position:fixed",
    "prototype": "__proto__",
    "template": "${alert(4)}{{constructor.constructor('alert(5)')()}}",
    "right to left": "invoice\u202egnp.exe\u2066\u200f",
    "hebrew": "\u05e9\u05dc\u05d5\u05dd:1",
    "invisible": "zero\u200bwidth\u00adand\ufeffnul\u0000tab\tline\nfeed\u2028no\u00a0break",
    "climbing": "Z" + "\u0301" * 200,
    "astral": "\U0001f600" * 100,
    "long": LONG,
    "event": "x\n\nevent: state\ndata: {}\n\n",
}


@pytest.mark.parametrize("width", [390, 1280])
def test_hostile_keys_stay_text_in_their_place(server, visit, width):
    for i, key in enumerate(KEYS.values()):
        answers = server.slide(key, 100, len(KEYS) + 1 - i)
        assert answers == (len(KEYS) + 1 - i, 0)
    assert server.post("/v1/slide", {"key": "k" * 10_000, "limit": 1, "window": "1h"})[0] == 400
    status, _ = server.post(
        "/v1/quota", {"key": KEYS["markup"] + "q", "limits": [{"name": "rpm", "limit": 9, "window": "1h"}]}
    )
    assert status == 200
    page = visit(server.url, viewport={"width": width, "height": 800})
    expect(page.locator("#top > tr")).to_have_count(len(KEYS) + 1)
    # A server keeps the names of its heaviest keys up to 256 bytes. For longer keys it does not say how much
    # is used.
    expect(page.locator("#fill > li")).to_have_count(1 + sum(len(key.encode()) <= 256 for key in KEYS.values()))
    names = page.locator("#top > tr > th").evaluate_all("cells => cells.map(cell => cell.textContent)")

    assert names[0] == KEYS["markup"]
    assert names[1] == KEYS["attribute"]
    assert names[2] == KEYS["prototype"]
    assert names[3] == KEYS["template"]
    assert names[4] == "invoiceU+202Egnp.exeU+2066U+200F"
    assert names[5] == KEYS["hebrew"]
    assert names[6] == "zeroU+200BwidthU+00ADandU+FEFFnulU+0000tabU+0009lineU+000AfeedU+2028noU+00A0break"
    assert names[10] == "xU+000AU+000Aevent: stateU+000Adata: {}U+000AU+000A"
    # Of a long key, the server sends the first bytes. The page shows the beginning and the end of these.
    assert names[9] == "a" * 96 + " … 136 more … " + "a" * 24
    assert max(len(name) for name in names) < 250

    # The names add no element and no style. Only the page's own elements are there.
    inside = page.locator("#numbers .name *").evaluate_all(
        "all => all.map(element => element.tagName + '.' + element.className)"
    )
    assert set(inside) <= {"SPAN.unseen", "SPAN.note"}
    assert page.locator("#numbers :is(img, script, style, iframe, a, [onload], [onerror], [style])").count() == 0

    # The page is not wider than its window, no name is wider than its card, and no line is much higher than
    # its text.
    assert page.evaluate("document.documentElement.scrollWidth") == width
    beyond = page.locator("#numbers .name").evaluate_all(
        "all => all.filter(name => {"
        " const card = name.closest('.card').getBoundingClientRect(), box = name.getBoundingClientRect();"
        " return box.left < card.left || box.right > card.right || box.height > 200 }).map(name => name.textContent)"
    )
    assert beyond == []


def test_marks_that_climb_do_not_reach_other_rows(server, visit):
    """Pixels of the row above are the same whether or not the key below climbs."""
    server.slide("above", 100, 5)
    server.slide("Z" + "\u0301" * 200, 100, 3)
    page = visit(server.url)
    expect(page.locator("#top > tr")).to_have_count(2)
    page.get_by_role("button", name="Pause").click()
    above = page.locator("#top > tr").nth(0).locator("th")
    climbing = above.screenshot()
    page.locator("#top > tr").nth(1).locator("th").evaluate("cell => { cell.style.visibility = 'hidden' }")
    assert above.screenshot() == climbing


def test_an_invalid_state_is_reported_or_ignored(server, visit):
    """States as no server of ours sends them, given to the page's own code in the browser."""
    page = visit(server.url)
    expect(page.locator("#connection")).to_have_text("Live")
    page.get_by_role("button", name="Pause").click()
    shown = page.evaluate(
        """async () => {
            const { show } = await import('./view.js'), { History } = await import('./history.js');
            const history = new History();
            const limits = Array(500).fill(0).map((_, i) => ({ name: `l${i}`, limit: 0, remaining: -5 }));
            const nonsense = [
              {}, { at: 'x', totals: null, backend: null, top: null, fill: {}, lanes: 7 },
              { at: 1e300, totals: { admitted: -1, denied: NaN, errors: '<b>', waiting: Infinity } },
              { at: 5, top: Array(1000).fill(0).map((_, i) => ({ key: i, admitted: 'many' })) },
              { at: 6, fill: [{ key: 'k', kind: '<i>', limits }] },
              { at: 7, lanes: [{}, { key: null, low: 3 }, 'x', null] },
              { at: 7, flows: [{}, { key: null, flow: '<b>', waiting: 'many', share_percent: -1 }, 'x', null] },
            ];
            for (const state of nonsense) { history.add(state); show(state, history, true); }
            history.add(nonsense[3]); show(nonsense[3], history, true);
            const rows = document.querySelectorAll('#top > tr').length;
            history.add(nonsense[4]); show(nonsense[4], history, true);
            const cards = document.querySelector('#fill').textContent;
            const gauges = document.querySelectorAll('.gauge').length;
            const much = [{ name: 'n'.repeat(10_000) }];
            const long = { at: 8, top: [{ key: 'k'.repeat(10_000) }], fill: [{ key: 'm', kind: 'quota', limits: much }] };
            history.add(long); show(long, history, true);
            const wide = [document.documentElement.scrollWidth, document.querySelector('#top').textContent.length];
            return { wide, rows, cards, gauges, admitted: document.querySelector('#admitted').textContent };
        }"""
    )
    assert shown["rows"] == 20
    assert shown["gauges"] == 32 and "and 468 more limits" in shown["cards"]
    assert shown["admitted"] == "0"
    assert shown["wide"][0] == 1280 and shown["wide"][1] < 200
    assert "NaN" not in page.content()
