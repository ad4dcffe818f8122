// Keeps a stream of states from the server open.
//
// EventSource cannot send a token, so this reads text/event-stream itself, with fetch. It connects again when the stream
// ends, fails, or is silent for too long. The pauses in between grow, so that many open pages do not overload a server that
// has just come back.

/** The longest event in characters. A longer one is not from this server. */
const EVENT_MAX = 4 * 1024 * 1024;
/** A state comes each second. After this many ms without one, the connection is closed. */
const SILENCE_MAX = 10_000;
/** The pause before the first new attempt, and the longest pause, in ms. */
const WAIT_FIRST = 500;
const WAIT_MAX = 30_000;

/** The events in a stream of bytes, as the HTML standard splits them: `{type, data}`. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  let type = "";
  let data = [];
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // An event ends with an empty line; the rest is not one.
      rest += value;
      // A line ends with CR LF, LF or CR. A CR at the very end may be half of a CR LF, so it is left for the next chunk.
      const lines = rest.split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop();
      for (const line of lines) {
        if (line === "") {
          if (data.length > 0) yield { type: type || "message", data: data.join("\n") };
          [type, data, size] = ["", [], 0];
          continue;
        }
        const [, name, text] = /^([^:]*)(?:: ?(.*))?$/s.exec(line);
        if (name === "event") type = text ?? "";
        else if (name === "data") {
          data.push(text ?? "");
          size += line.length;
        }
      }
      if (rest.length + size > EVENT_MAX) throw new Error("an event without end");
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** The pause after this many failures (1, 2, …), in ms. It doubles each time; a fifth of it is random. */
export function pause(failures) {
  const most = Math.min(WAIT_MAX, WAIT_FIRST * 2 ** Math.min(failures - 1, 10));
  return most * (0.8 + 0.2 * Math.random());
}

/**
 * Reads the stream at `url` until `stop`. Calls `on.state(object)` for each state, and `on.connection(name, detail)` with
 * - `connecting`, as it begins;
 * - `live`, with each state;
 * - `lost` and `{reason, until}`: the next attempt is at `until`, by Date.now();
 * - `token` and `{refused}`: the server wants another token, and `refused` says whether there was one. It then waits for `start`.
 */
export class Watch {
  #url;
  #on;
  #abort = null;
  #wake = () => {};

  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    // The network is back, so it connects at once.
    addEventListener("online", () => this.again());
  }

  /** Starts again, with this token or without one. */
  start(token) {
    this.stop();
    this.#abort = new AbortController();
    this.#run(token, this.#abort.signal);
  }

  stop() {
    this.#abort?.abort();
    this.#wake();
  }

  /** Ends the wait before the next attempt. */
  again() {
    this.#wake();
  }

  async #run(token, stopped) {
    let failures = 0;
    this.#on.connection("connecting");
    while (!stopped.aborted) {
      const end = await this.#attempt(token, stopped, () => (failures = 0));
      if (stopped.aborted) return;
      if (end.refused) return this.#on.connection("token", { refused: Boolean(token) });
      failures += 1;
      const wait = pause(failures);
      this.#on.connection("lost", { reason: end.reason, until: Date.now() + wait });
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, wait);
      });
    }
  }

  /** Reads one connection to its end, and returns why it ended. */
  async #attempt(token, stopped, works) {
    const abort = new AbortController();
    const silence = () => abort.abort();
    let timer = setTimeout(silence, SILENCE_MAX);
    const signal = AbortSignal.any([stopped, abort.signal]);
    try {
      const headers = { accept: "text/event-stream" };
      if (token) headers.authorization = `Bearer ${token}`;
      const reply = await fetch(this.#url, { headers, signal, cache: "no-store", credentials: "same-origin" });
      if (reply.status === 401 || reply.status === 403) return { refused: true };
      if (!reply.ok) return { reason: `The server answers ${reply.status}` };
      if (!/^text\/event-stream\b/.test(reply.headers.get("content-type") ?? ""))
        return { reason: "This is no stream of states" };
      for await (const event of events(reply.body)) {
        clearTimeout(timer);
        timer = setTimeout(silence, SILENCE_MAX);
        if (event.type !== "state") continue;
        const state = JSON.parse(event.data);
        if (typeof state !== "object" || state === null) throw new SyntaxError("no state");
        works();
        this.#on.connection("live");
        this.#on.state(state);
      }
      return { reason: "The server has ended the connection" };
    } catch (error) {
      if (abort.signal.aborted) return { reason: "The server is silent" };
      if (error instanceof SyntaxError) return { reason: "The server sends what this page cannot read" };
      return { reason: "The server cannot be reached" };
    } finally {
      clearTimeout(timer);
      abort.abort();
    }
  }
}
