"""The page's own modules, called in the browser that they are for."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def call(server, visit):
    page = visit(server.url)
    expect(page.locator("#connection")).to_have_text("Live")

    def call(module, body, *arguments):
        return page.evaluate(f"async (a) => {{ const m = await import('./{module}'); {body} }}", list(arguments))

    return call


def test_events_are_split_as_the_standard_says_wherever_the_pieces_end(call):
    text = (
        ": a comment\n\nevent: state\ndata: one\n\nevent:state\r\ndata:two\r\ndata:  lines €\U0001f600\r\n\r\n"
        "id: 7\rretry: 5\rdata\r\rdata: untyped\n\nevent: nothing\n\nunknown: field\ndata: last\n\ndata: never ended"
    )
    wanted = [
        ["state", "one"],
        ["state", "two\n lines €\U0001f600"],
        ["message", ""],
        ["message", "untyped"],
        ["message", "last"],
    ]
    found = call(
        "stream.js",
        """
        const bytes = new TextEncoder().encode(a[0]);
        const read = async (pieces) => {
          const all = [];
          const body = new ReadableStream({ start(c) { for (const p of pieces) c.enqueue(p); c.close(); } });
          for await (const { type, data } of m.events(body)) all.push([type, data]);
          return all;
        };
        const results = [await read([...bytes].map((b) => Uint8Array.of(b)))];
        for (let i = 0; i <= bytes.length; i += 1) results.push(await read([bytes.slice(0, i), bytes.slice(i)]));
        return [...new Set(results.map((r) => JSON.stringify(r)))].map((r) => JSON.parse(r));
        """,
        text,
    )
    assert found == [wanted]


@pytest.mark.parametrize("piece", ["x", "data: x\n"])
def test_an_event_without_end_takes_no_memory_without_end(call, piece):
    read = call(
        "stream.js",
        """
        let given = 0;
        const piece = new TextEncoder().encode(a[0].repeat(65536 / a[0].length));
        const body = new ReadableStream({ pull(c) { given += 1; if (given > 100) c.close(); else c.enqueue(piece); } });
        try { for await (const event of m.events(body)) return event; } catch (error) { return [error.message, given]; }
        return ['all of it was read', given];
        """,
        piece,
    )
    assert read[0] == "an event without end"
    assert read[1] < 100  # pieces of 64 KiB


def test_pauses_double_up_to_half_a_minute(call):
    pauses = call("stream.js", "return [1, 2, 3, 4, 5, 6, 7, 8, 50, 5000].map(m.pause)")
    for wait, most in zip(
        pauses, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000], strict=True
    ):
        assert 0.8 * most <= wait <= most


def test_numbers_and_durations_in_words(call):
    written = call(
        "text.js",
        "return [[0, 0.999, 999, 59e3, 60e3, 3599e3, 3600e3, 90061e3, 31.5e10].map(m.duration),"
        " [0, 0.001, 0.5, 0.999, 1].map(m.percent)]",
    )
    assert written == [
        ["0 ms", "1 ms", "999 ms", "59 s", "1 min", "59 min 59 s", "1 h", "1 d 1 h", "3645 d 20 h"],
        ["0 %", "< 1 %", "50 %", "> 99 %", "100 %"],
    ]


def state(at, admitted, denied=0, uptime=None, fill=()):
    return {
        "at": at,
        "uptime_s": at // 1000 if uptime is None else uptime,
        "totals": {"admitted": admitted, "denied": denied},
        "fill": list(fill),
    }


RATES = "const h = new m.History(); for (const s of a) h.add(s); return [h.rates.map((r) => r.admitted), [...h.slots]];"


def test_rates_come_from_counters_and_have_gaps_while_unwatched(call):
    rates, slots = call(
        "history.js",
        RATES,
        state(10_000, 100),
        state(10_100, 101),  # too soon after the first: counted with the next
        state(11_000, 110, 5),
        state(12_000, 110, 5),
        state(20_000, 900, 5),  # seven seconds are missing
        state(21_000, 902, 5),
        state(22_000, 3, 1, uptime=1),  # a new server
        state(23_000, 7, 1, uptime=2),
        state(24_000, 9, 2, uptime=0),  # another new server, whose counters were stored
    )
    assert rates == [None, 10, 0, None, 2, None, 4, None]
    assert slots == [[10_000, {"admitted": 10, "denied": 5}], [20_000, {"admitted": 6, "denied": 0}]]


def test_a_clock_set_back_begins_anew(call):
    rates, slots = call("history.js", RATES, state(90_000, 1), state(91_000, 2), state(30_000, 2), state(31_000, 5))
    assert rates == [None, 3]
    assert slots == [[30_000, {"admitted": 3, "denied": 0}]]


def test_only_five_minutes_and_a_bounded_number_of_limits_are_stored(call):
    stored = call(
        "history.js",
        """
        const h = new m.History();
        for (let i = 0; i < 1000; i += 1) {
          const limits = [{ name: '', limit: 4, remaining: 1 }];
          const fill = [...Array(19).keys()].map((k) => ({ key: `${i}:${k}`, kind: 'slide', limits }));
          fill.unshift({ key: 'stays', kind: 'slide', limits });
          h.add({ at: i * 1000, uptime_s: i, totals: { admitted: i, denied: 0 }, fill });
        }
        const series = [...Array(1000).keys()].filter((i) => h.fill(`${i}:0`, 'slide', '').length > 0).length;
        const stays = h.fill('stays', 'slide', '');
        return [h.rates.length, h.slots.size, stays.length, stays[0].full, series];
        """,
    )
    assert stored[:4] == [301, 31, 301, 0.75]
    assert stored[4] <= 640 / 19
