// Shows a state of the server. It changes existing elements in place, so that a selection, the position of a screen reader
// and an open table survive the next state.

import { count, few, full, KEYS_MAX, LIMITS_MAX, moment, SLOT } from "./history.js";
import { draw, plotFill, plotRates } from "./plot.js";
import { duration, name, number, percent, rate, time } from "./text.js";

const LANES = ["critical", "high", "normal", "low"];
const KINDS = { slide: "sliding window", window: "fixed window", bucket: "token bucket", quota: "quota" };

const at = (id) => document.getElementById(id);

/** Shows `state`, and the past from `history`. Draws plots only if `plots` is set. */
export function show(state, history, plots) {
  totals(state, history);
  top(few(state.top, KEYS_MAX));
  lanes(few(state.lanes, KEYS_MAX));
  flows(few(state.flows, KEYS_MAX));
  rates(state, history, plots);
  fill(few(state.fill, KEYS_MAX), state, history, plots);
}

/** Says that the state of the back end is unknown, while the server cannot be reached. */
export function lose() {
  write(at("backend"), "not known");
  delete at("backend").dataset.state;
}

function totals(state, history) {
  const up = state.backend?.up === true;
  const kind = state.backend?.kind === "redis" ? "Redis" : "embedded";
  write(at("backend"), `${kind}, ${up ? "up" : "down"}`);
  at("backend").dataset.state = up ? "good" : "bad";
  write(at("uptime"), `for ${duration(count(state.uptime_s) * 1_000)}`);
  const now = history.rates.at(-1);
  for (const kind of ["admitted", "denied", "errors", "waiting"]) {
    write(at(kind), number(count(state.totals?.[kind])));
    const perSecond = at(`${kind}-rate`);
    if (perSecond) write(perSecond, now && now[kind] !== null ? `${rate(now[kind])} a second` : "");
  }
}

function rates(state, history, plots) {
  const known = history.rates.filter((point) => point.admitted !== null);
  if (known.length === 0) write(at("rates-summary"), "Nothing is known yet: the plot begins as this page is opened.");
  else {
    const say = (kind) => {
      const values = known.map((point) => point[kind]);
      const average = values.reduce((sum, value) => sum + value, 0) / values.length;
      return `${rate(values.at(-1))} now, ${rate(average)} on average, ${rate(Math.max(...values))} at most`;
    };
    write(at("rates-summary"), `Admitted: ${say("admitted")}. Denied: ${say("denied")}.`);
  }
  if (plots) plotRates(at("rates"), history.rates, moment(state.at));
  const rows = [...history.slots].reverse();
  list(
    at("rates-rows"),
    rows,
    ([start]) => start,
    () => row(2),
    (line, [start, slot]) => {
      write(line.cells[0], `${time(start)} – ${time(start + SLOT)}`);
      write(line.cells[1], number(slot.admitted));
      write(line.cells[2], number(slot.denied));
    },
  );
}

function top(keys) {
  toggle("top", keys.length > 0);
  list(
    at("top"),
    keys,
    (item) => item.key,
    (item) => row(3, item.key),
    (line, item) => {
      const [admitted, denied] = [count(item.admitted), count(item.denied)];
      const part = admitted + denied === 0 ? 0 : denied / (admitted + denied);
      write(line.cells[1], number(admitted));
      write(line.cells[2], number(denied));
      write(line.cells[3], percent(part));
    },
  );
}

function lanes(keys) {
  toggle("lanes", keys.length > 0);
  list(
    at("lanes"),
    keys,
    (item) => item.key,
    (item) => row(5, item.key),
    (line, item) => {
      const waiting = LANES.map((lane) => count(item[lane]));
      waiting.push(waiting.reduce((sum, n) => sum + n, 0));
      for (const [i, n] of waiting.entries()) write(line.cells[i + 1], number(n));
    },
  );
}

function flows(rows) {
  at("flows-table").hidden = rows.length === 0;
  list(
    at("flows"),
    rows,
    (item) => JSON.stringify([item.key, item.lane, item.flow]),
    (item) => {
      const line = row(6, item.key);
      const [, flow, lane] = line.cells;
      flow.className = "name";
      flow.append(...name(item.flow));
      lane.className = "";
      lane.textContent = LANES.find((known) => known === item.lane) ?? "";
      return line;
    },
    (line, item) => {
      write(line.cells[3], number(count(item.waiting)));
      write(line.cells[4], number(count(item.served)));
      write(line.cells[5], percent(count(item.share_percent) / 100));
      write(line.cells[6], duration(count(item.longest_wait_ms)));
    },
  );
}

function fill(keys, state, history, plots) {
  const held = keys.filter((item) => few(item.limits, 1).length > 0);
  at("fill-none").hidden = held.length > 0;
  write(
    at("fill-none"),
    state.backend?.up === true ? "Nothing is used." : "The back end is down: how much is used is not known.",
  );
  list(
    at("fill"),
    held,
    (item) => JSON.stringify([item.key, item.kind]),
    card,
    (element, item) => {
      const limits = few(item.limits, LIMITS_MAX);
      const hidden = item.limits.length - limits.length;
      write(element.querySelector(".more"), hidden > 0 ? `and ${number(hidden)} more limits` : "");
      list(
        element.querySelector("ul"),
        limits,
        (limit) => limit.name,
        (limit) => gauge(item, limit),
        (gauge, limit) => {
          measure(gauge, limit);
          if (plots)
            plotFill(gauge.querySelector(".plot"), history.fill(item.key, item.kind, limit.name), moment(state.at));
        },
      );
    },
  );
}

/** One key with its limits. */
function card(item) {
  const element = make("li", "card");
  const title = make("h3", "name");
  title.append(...name(item.key));
  element.append(title, make("p", "note", KINDS[item.kind] ?? ""), make("ul", "gauges"), make("p", "note more"));
  return element;
}

/** One limit: its name, its numbers, a bar of the current use, and a plot of the last minutes. */
function gauge(item, limit) {
  const element = make("li", "gauge");
  const title = make("p", "title");
  // The limit of a key with one limit has no name.
  if (item.kind === "quota") title.append(...inside(make("span", "name"), name(limit.name)), " ");
  title.append(make("span", "level"));
  const bar = draw("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
  bar.append(
    draw("rect", { class: "track", width: 100, height: 10 }),
    draw("rect", { class: "used", width: 0, height: 10 }),
  );
  // The text beside both plots says what they show now.
  element.append(title, bar, make("p", "counts"), draw("svg", { class: "plot", "aria-hidden": "true" }));
  return element;
}

function measure(element, limit) {
  const part = full(limit);
  const [most, remaining] = [count(limit.limit), count(limit.remaining)];
  const level = part >= 1 ? "full" : part >= 0.8 ? "high" : "low";
  element.dataset.level = level;
  write(element.querySelector(".level"), level === "full" ? "used up" : `${percent(part)} used`);
  element.querySelector(".used").setAttribute("width", part * 100);
  const reset = count(limit.reset_after_ms);
  const back = reset > 0 ? `; all back in ${duration(reset)}` : "";
  write(
    element.querySelector(".counts"),
    `${number(Math.max(0, most - remaining))} of ${number(most)}, ${number(remaining)} left${back}`,
  );
}

/** A row of a table: its head is a key or a later text, followed by this many numbers. */
function row(numbers, key) {
  const line = make("tr");
  const head = make("th", key === undefined ? "" : "name");
  head.scope = "row";
  if (key !== undefined) head.append(...name(key));
  line.append(head);
  for (let i = 0; i < numbers; i += 1) line.append(make("td", "number"));
  // The same as in index.html, for narrow pages.
  line.setAttribute("role", "row");
  for (const [i, cell] of [...line.cells].entries()) cell.setAttribute("role", i === 0 ? "rowheader" : "cell");
  return line;
}

function toggle(id, some) {
  at(`${id}-none`).hidden = some;
  at(`${id}-table`).hidden = !some;
}

function make(tag, kind = "", text = "") {
  const element = document.createElement(tag);
  if (kind) element.className = kind;
  element.textContent = text;
  return element;
}

function inside(element, nodes) {
  element.append(...nodes);
  return [element];
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** The elements of each list: id -> element. */
const known = new WeakMap();

/** Gives `parent` one child for each item, in order. Children that stay are the same elements. */
function list(parent, items, idOf, create, update) {
  const old = known.get(parent) ?? new Map();
  const now = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const id = idOf(item);
    if (now.has(id)) continue; // it is shown already
    const element = old.get(id) ?? create(item);
    now.set(id, element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  for (const [id, element] of old) if (!now.has(id)) element.remove();
  known.set(parent, now);
}
