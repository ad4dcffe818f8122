// Draws plots as SVG in CSS pixels, so that text keeps its size at any width.

import { SPAN } from "./history.js";
import { number, rate } from "./text.js";

const SVG = "http://www.w3.org/2000/svg";
const RATES_HEIGHT = 190;
const FILL_HEIGHT = 44;
const NARROW = 420;

export function draw(element, attributes, text) {
  const drawn = document.createElementNS(SVG, element);
  for (const [name, value] of Object.entries(attributes)) drawn.setAttribute(name, value);
  if (text !== undefined) drawn.textContent = text;
  return drawn;
}

/** Requests per second over the last five minutes before `now`. */
export function plotRates(svg, points, now) {
  const width = size(svg, RATES_HEIGHT);
  const most = top(Math.max(0, ...points.map((point) => Math.max(point.admitted ?? 0, point.denied ?? 0))));
  const values = [0, most / 2, most];
  const left = 10 + 7.5 * Math.max(...values.map((value) => scale(value).length));
  const area = { left, right: width - 10, top: 10, bottom: RATES_HEIGHT - 22 };
  const x = (at) => area.right - ((now - at) / SPAN) * (area.right - area.left);
  const y = (value) => area.bottom - (value / most) * (area.bottom - area.top);
  const parts = [];
  for (const value of values) {
    parts.push(draw("path", { class: "grid", d: `M${area.left} ${y(value)}H${area.right}` }));
    parts.push(draw("text", { class: "tick", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, scale(value)));
  }
  for (let minutes = 0; minutes <= 5; minutes += 1) {
    const label = minutes === 0 ? "now" : `−${minutes} min`;
    const at = x(now - minutes * 60_000);
    const anchor = minutes === 0 ? "end" : minutes === 5 ? "start" : "middle";
    parts.push(draw("path", { class: "grid", d: `M${at} ${area.bottom}v4` }));
    if (width < NARROW && minutes % 2 === 1) continue; // there is no room for its label
    parts.push(draw("text", { class: "tick", x: at, y: RATES_HEIGHT - 5, "text-anchor": anchor }, label));
  }
  for (const [series, value] of [
    ["admitted", (p) => p.admitted],
    ["denied", (p) => p.denied],
  ]) {
    for (const run of runs(points, value)) {
      const d = line(
        run,
        (p) => x(p.at),
        (p) => y(value(p)),
      );
      if (series === "admitted") parts.push(draw("path", { class: "area", d: closed(d, run, x, area.bottom) }));
      parts.push(draw("path", { class: `line ${series}`, d }));
    }
  }
  svg.replaceChildren(...parts);
}

/** How much of one limit was used over the last five minutes before `now`. */
export function plotFill(svg, points, now) {
  const width = size(svg, FILL_HEIGHT);
  const x = (at) => width - 2 - ((now - at) / SPAN) * (width - 4);
  const y = (full) => FILL_HEIGHT - 3 - full * (FILL_HEIGHT - 6);
  const parts = [0, 1].map((full) => draw("path", { class: "grid", d: `M2 ${y(full)}H${width - 2}` }));
  for (const run of runs(points, (point) => point.full)) {
    const d = line(
      run,
      (p) => x(p.at),
      (p) => y(p.full),
    );
    parts.push(
      draw("path", { class: "area", d: closed(d, run, x, y(0)) }),
      draw("path", { class: "line admitted", d }),
    );
  }
  svg.replaceChildren(...parts);
}

/** Makes the plot as wide as its place, and returns the width. */
function size(svg, height) {
  const width = Math.max(120, Math.round(svg.getBoundingClientRect().width));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  return width;
}

/** The smallest of 1, 2, 5, 10, 20 … that is not less than the value. */
function top(value) {
  if (value <= 1) return 1;
  const tens = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * tens).find((n) => n >= value);
}

const scale = (value) => (Number.isInteger(value) ? number(value) : rate(value));

/** Splits points into lines. A line ends where nothing is known, and at a gap of five seconds. */
function runs(points, value) {
  const all = [];
  let run = [];
  for (const point of points) {
    const gap = value(point) === null;
    if (gap || (run.length > 0 && point.at - run.at(-1).at > 5_000)) {
      if (run.length > 0) all.push(run);
      run = [];
    }
    if (!gap) run.push(point);
  }
  if (run.length > 0) all.push(run);
  return all;
}

const short = (value) => Math.round(value * 10) / 10;

// One point alone is a line without length; its round ends make it a dot.
const line = (run, x, y) =>
  run.map((p, i) => `${i === 0 ? "M" : "L"}${short(x(p))} ${short(y(p))}`).join("") + (run.length === 1 ? "h0" : "");

const closed = (d, run, x, foot) =>
  run.length === 1 ? "" : `${d}L${short(x(run.at(-1).at))} ${short(foot)}L${short(x(run[0].at))} ${short(foot)}Z`;
