// Past states, for the plots: rates from counters, and how full each limit was. Times are the server's, in ms.

/** The time that plots show, in ms. */
export const SPAN = 300_000;
/** Counters closer together than this make no rate: the first state after a connect can come just before the second. */
const STEP_MIN = 500;
/** Counters further apart than this make no rate either: the time in between was not watched. */
const STEP_MAX = 5_000;
/** One row of the table. */
export const SLOT = 10_000;
/** The most keys, and limits of a key, that are read, whatever the server sends. */
export const KEYS_MAX = 20;
export const LIMITS_MAX = 32;
/** The most limits that are remembered. The one that was seen least recently is dropped first. */
const SERIES_MAX = KEYS_MAX * LIMITS_MAX;

/** Nearly the last moment that a Date can hold. */
const END = 8e15;

/** A number from the server. Whatever it sent, the number is finite and not negative. */
export const count = (value) => (Number.isFinite(value) && value > 0 ? value : 0);
/** A moment from the server. Whatever it sent, a Date can hold it. */
export const moment = (value) => Math.min(END, Math.floor(count(value)));
/** The first objects of a list from the server, whatever it sent. */
export const few = (value, most) =>
  Array.isArray(value) ? value.slice(0, most).filter((item) => typeof item === "object" && item !== null) : [];

export class History {
  /** `{at, admitted, denied}` for each second; both are null if the time before it was not watched. */
  rates = [];
  /** Requests in each 10 seconds: start -> `{admitted, denied}`. */
  slots = new Map();
  #base = null;
  #series = new Map();

  add(state) {
    const now = {
      at: moment(state.at),
      uptime: count(state.uptime_s),
      admitted: count(state.totals?.admitted),
      denied: count(state.totals?.denied),
    };
    if (this.#base && now.at < this.#base.at) this.#forget(); // the server's clock was set back
    this.#count(now);
    for (const { key, kind, limits } of few(state.fill, KEYS_MAX)) {
      for (const limit of few(limits, LIMITS_MAX)) this.#remember(key, kind, limit, now.at);
    }
    const from = now.at - SPAN;
    drop(this.rates, from);
    for (const start of this.slots.keys()) if (start + SLOT <= from) this.slots.delete(start);
    for (const [id, points] of this.#series) {
      drop(points, from);
      if (points.length === 0) this.#series.delete(id);
    }
  }

  /** `{at, full}` of one limit, 0 ≤ full ≤ 1. */
  fill(key, kind, name) {
    return this.#series.get(JSON.stringify([key, kind, name])) ?? [];
  }

  #count(now) {
    const base = this.#base;
    const step = base ? now.at - base.at : 0;
    if (base && step < STEP_MIN) return;
    this.#base = now;
    // After a restart the counters start at 0.
    const restarted = base && (now.admitted < base.admitted || now.denied < base.denied || now.uptime < base.uptime);
    if (!base || restarted || step > STEP_MAX) {
      this.rates.push({ at: now.at, admitted: null, denied: null });
      return;
    }
    const admitted = now.admitted - base.admitted;
    const denied = now.denied - base.denied;
    this.rates.push({ at: now.at, admitted: (admitted * 1000) / step, denied: (denied * 1000) / step });
    const start = Math.floor(now.at / SLOT) * SLOT;
    const slot = this.slots.get(start) ?? { admitted: 0, denied: 0 };
    this.slots.set(start, { admitted: slot.admitted + admitted, denied: slot.denied + denied });
  }

  #remember(key, kind, limit, at) {
    const id = JSON.stringify([key, kind, limit.name]);
    const points = this.#series.get(id) ?? [];
    if (points.length > 0 && at - points.at(-1).at < STEP_MIN) points.pop();
    points.push({ at, full: full(limit) });
    this.#series.delete(id); // keeps the series in the order in which they were last seen
    this.#series.set(id, points);
    if (this.#series.size > SERIES_MAX) this.#series.delete(this.#series.keys().next().value);
  }

  #forget() {
    this.rates = [];
    this.slots.clear();
    this.#series.clear();
    this.#base = null;
  }
}

/** How much of a limit is used, from 0 to 1. */
export function full({ limit, remaining }) {
  const most = count(limit);
  return most === 0 ? 0 : Math.min(1, Math.max(0, 1 - count(remaining) / most));
}

function drop(points, from) {
  const kept = points.findIndex((point) => point.at >= from);
  points.splice(0, kept === -1 ? points.length : kept);
}
