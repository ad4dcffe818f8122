"""Draws plots as plain SVG: bars, and lines over a logarithmic axis.

Readers see the plots in a browser and on a code host, in dark and in light mode. So each plot has its own background and
both sets of colours.
"""

import math
from html import escape

STYLE = """
  text { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif; fill: #24292f }
  .title { font-size: 16px; font-weight: 600 } .small { font-size: 12px; fill: #57606a } .end { text-anchor: end }
  .middle { text-anchor: middle } .ground { fill: #ffffff; stroke: #d0d7de } .grid { stroke: #d8dee4 } .unit { stroke: #cf222e; stroke-dasharray: 4 3 }
  .ours { fill: #0969da } .peer { fill: #8c959f } .set { fill: #cf222e } .second { opacity: .7 } .third { opacity: .45 }
  path { fill: none; stroke-width: 2 } circle { stroke: none }
  .c0 { stroke: #cf222e; fill: #cf222e } .c1 { stroke: #0969da; fill: #0969da } .c2 { stroke: #1a7f37; fill: #1a7f37 }
  .c3 { stroke: #9a6700; fill: #9a6700 } .c4 { stroke: #8250df; fill: #8250df } .c5 { stroke: #57606a; fill: #57606a }
  .c6 { stroke: #bf3989; fill: #bf3989 } .c7 { stroke: #1b7c83; fill: #1b7c83 }
  path.c0, path.c1, path.c2, path.c3, path.c4, path.c5, path.c6, path.c7 { fill: none }
  text.c0, text.c1, text.c2, text.c3, text.c4, text.c5, text.c6, text.c7 { stroke: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .small { fill: #9198a1 } .ground { fill: #0d1117; stroke: #3d444d } .grid { stroke: #2a313c } .unit { stroke: #ff7b72 }
    .ours { fill: #4493f8 } .peer { fill: #6e7681 } .set { fill: #ff7b72 }
    .c0 { stroke: #ff7b72; fill: #ff7b72 } .c1 { stroke: #4493f8; fill: #4493f8 } .c2 { stroke: #3fb950; fill: #3fb950 }
    .c3 { stroke: #d29922; fill: #d29922 } .c4 { stroke: #ab7df8; fill: #ab7df8 } .c5 { stroke: #9198a1; fill: #9198a1 }
    .c6 { stroke: #f778ba; fill: #f778ba } .c7 { stroke: #39c5cf; fill: #39c5cf }
  }
"""
WIDTH = 920
SHADES = ("first", "second", "third")


def svg(title, subtitle, height, body):
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="ground" x=".5" y=".5" width="{WIDTH - 1}" height="{height - 1}" rx="6"/>\n'
        + text(20, 28, title, "title")
        + text(20, 48, subtitle, "small")
        + "".join(body)
        + "</svg>\n"
    )


def text(x, y, words, kind=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" class="{kind}">{escape(words)}</text>\n'


def line(x1, y1, x2, y2, kind):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>\n'


def short(value):
    """Formats a number for an axis."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:g}"


def bars(title, subtitle, rows, form="{:.2f}", unit=None, legend=()):
    """`rows` are (label, kind, values), with one bar for each value, under each other. A line is drawn at `unit`."""
    left, right, top = 400, 70, 84 if legend else 66
    thick = 18 if len(rows[0][2]) == 1 else 9
    tall = thick * len(rows[0][2]) + 8
    most = max(max(values) for _, _, values in rows)
    scale = (WIDTH - left - right) / most
    height = top + tall * len(rows) + 20
    body = []
    for number, name in enumerate(legend):
        x = left + 130 * number
        body.append(f'<rect x="{x}" y="62" width="14" height="10" class="ours {SHADES[number]}"/>\n' + text(x + 20, 71, name, "small"))
    for number, (label, kind, values) in enumerate(rows):
        y = top + tall * number
        body.append(text(left - 10, y + tall / 2 + 1, label, "end"))
        for bar, value in enumerate(values):
            at = y + thick * bar
            body.append(
                f'<rect x="{left}" y="{at}" width="{max(1, value * scale):.1f}" height="{thick - 1}" class="{kind} {SHADES[bar]}"/>\n'
            )
            words = form.format(value)
            body.append(
                text(left + value * scale + 6, at + thick - (4 if thick > 10 else 0), words, "small" if thick > 10 else "small tiny")
            )
    if unit:
        body.append(line(left + unit * scale, top - 6, left + unit * scale, height - 16, "unit"))
    return svg(title, subtitle, height, body).replace("</style>", "  .tiny { font-size: 9px }\n</style>")


def steps(least, most):
    """Returns the marks of an axis from `least` to `most`: powers of ten, and their halves and fifths if there are few."""
    decades = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    of = (1, 2, 5) if len(decades) <= 4 else (1,)
    return [digit * 10.0**decade for decade in decades for digit in of]


def lines(title, subtitle, across, series, y_from_zero=False):
    """`series` are (label, {x: y}). Both axes are logarithmic, unless y begins at zero."""
    left, right, top, height = 70, 300, 74, 420
    bottom = height - 46
    xs = sorted({x for _, points in series for x in points})
    ys = [y for _, points in series for y in points.values()]
    place_x = lambda x: left + (WIDTH - left - right) * math.log(x / xs[0]) / math.log(xs[-1] / xs[0])
    if y_from_zero:
        step = 10 ** math.floor(math.log10(max(ys)))
        step = next(part for part in (step / 5, step / 2, step, 2 * step) if max(ys) / part <= 8)
        marks = [step * number for number in range(math.ceil(max(ys) / step) + 1)]
        place_y = lambda y: bottom - (bottom - top) * y / marks[-1]
    else:
        marks = steps(min(ys), max(ys))
        while len(marks) > 2 and marks[1] <= min(ys):
            marks.pop(0)
        while len(marks) > 2 and marks[-2] >= max(ys):
            marks.pop()
        place_y = lambda y: bottom - (bottom - top) * math.log(y / marks[0]) / math.log(marks[-1] / marks[0])
    body = []
    for mark in marks:
        y = place_y(mark)
        body.append(line(left, y, WIDTH - right, y, "grid") + text(left - 8, y + 4, short(round(mark, 6)), "small end"))
    for x in xs:
        body.append(line(place_x(x), top, place_x(x), bottom, "grid") + text(place_x(x), bottom + 18, short(x), "small middle"))
    body.append(text((left + WIDTH - right) / 2, bottom + 36, across, "small middle"))
    labels = []
    for number, (label, points) in enumerate(series):
        shown = [(place_x(x), place_y(y)) for x, y in sorted(points.items())]
        kind = f"c{number % 8}"
        body.append(f'<path class="{kind}" d="M' + " L".join(f"{x:.1f} {y:.1f}" for x, y in shown) + '"/>\n')
        body.extend(f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="3"/>\n' for x, y in shown)
        labels.append([shown[-1][1] + 4, shown[-1][0], label, kind])
    # Labels are at the ends of their lines, and are moved apart where they would overlap.
    labels.sort()
    for before, label in zip(labels, labels[1:]):
        label[0] = max(label[0], before[0] + 17)
    spare = max(0, labels[-1][0] - bottom - 4)
    for y, x, label, kind in labels:
        body.append(text(WIDTH - right + 12, y - spare, label, kind))
    return svg(title, subtitle, height, body)
