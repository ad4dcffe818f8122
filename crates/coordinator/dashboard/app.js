// The page: its buttons, its connection, and when it shows what.
//
// It connects the other files: stream.js (states from the server), history.js (past states), view.js (numbers), plot.js
// (plots), text.js (formatting).

import { History, moment } from "./history.js";
import { Watch } from "./stream.js";
import { time } from "./text.js";
import { lose, show } from "./view.js";

const TOKEN = "rl-coordinator-token";
const THEME = "rl-coordinator-theme";
/** How often plots move for a reader who prefers less motion, in ms. */
const CALM = 10_000;

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** The browser may forbid storage; then nothing is stored. */
const kept = {
  get: (storage, name) => {
    try {
      return window[storage].getItem(name) ?? "";
    } catch {
      return "";
    }
  },
  set: (storage, name, value) => {
    try {
      window[storage].setItem(name, value);
    } catch {
      /* not kept */
    }
  },
};

let history = new History();
/** The last state, and the state on the page, which is older while paused. */
let last = null;
let shown = null;
let plotted = 0;
let paused = false;
let token = kept.get("sessionStorage", TOKEN);
/** The state of the connection: its name and details, as stream.js reports them. */
let connection = { name: "connecting" };

const watch = new Watch("v1/watch", {
  state(state) {
    last = state;
    history.add(state);
    if (!paused && !document.hidden) render();
  },
  connection(name, detail = {}) {
    if (name === "token" && connection.name !== "token") ask(detail.refused);
    connection = { name, ...detail };
    if (name === "live") at("entry").hidden = true;
    if (name === "lost") lose();
    at("forget").hidden = token === "" || name === "token";
    at("again").hidden = name !== "lost";
    at("pause").hidden = name === "token";
    status();
  },
});

function render() {
  const now = Date.now();
  const still = calm.matches && now - plotted < CALM && history.rates.length > 2;
  if (!still) plotted = now;
  shown = last;
  at("numbers").hidden = false;
  show(shown, history, !still);
  status();
}

/** Shows the connection and the age of the numbers. It writes only what changes, since screen readers speak it. */
function status() {
  const words = {
    connecting: ["Connecting", "wait"],
    live: paused ? ["Paused", "wait"] : ["Live", "good"],
    lost: [`${connection.reason}. Trying again`, "bad"],
    token: ["A token is needed", "bad"],
  };
  const [text, state] = words[connection.name];
  const lamp = at("connection");
  if (lamp.textContent !== text) lamp.textContent = text;
  lamp.dataset.state = state;
  const parts = [];
  if (connection.name === "lost") parts.push(`in ${Math.max(0, Math.ceil((connection.until - Date.now()) / 1_000))} s`);
  if (shown && connection.name !== "token") parts.push(`as of ${time(moment(shown.at))}`);
  at("when").textContent = parts.join(", ");
}

/** A shell line for a first request. */
function example() {
  const words = [`curl ${new URL("v1/slide", location.href)}`, "-H 'Content-Type: application/json'"];
  if (token) words.push('-H "Authorization: Bearer $TOKEN"');
  words.push(`-d '{"key": "hello", "limit": 5, "window": "60s"}'`);
  at("example").textContent = words.join(" \\\n  ");
}

/** Shows the form instead of the numbers. */
function ask(refused) {
  at("entry").hidden = false;
  at("numbers").hidden = true;
  at("entry-error").textContent = refused ? "This token is not one that may watch." : "";
  at("token").value = "";
  at("token").focus();
}

function enter(event) {
  event.preventDefault();
  const given = at("token").value.trim();
  // A text that cannot be in a header field is not a token.
  if (!/^[\x21-\x7e]+$/.test(given)) {
    at("entry-error").textContent = "A token is made of visible ASCII characters, without spaces.";
    return;
  }
  at("entry-error").textContent = "";
  become(given);
}

/** Watches with this token. Nothing that another token has shown stays. */
function become(given) {
  token = given;
  kept.set("sessionStorage", TOKEN, token);
  [history, last, shown, plotted] = [new History(), null, null, 0];
  at("numbers").hidden = true;
  connection = { name: "connecting" };
  example();
  watch.start(token);
}

function pause() {
  paused = !paused;
  at("pause").textContent = paused ? "Resume" : "Pause";
  if (!paused && last) render();
  else status();
}

function theme() {
  const chosen = at("theme").value;
  if (chosen) document.documentElement.dataset.theme = chosen;
  else delete document.documentElement.dataset.theme;
  kept.set("localStorage", THEME, chosen);
}

at("theme").value = kept.get("localStorage", THEME);
if (at("theme").selectedIndex < 0) at("theme").value = "";
theme();
at("theme").addEventListener("change", theme);
at("pause").addEventListener("click", pause);
at("again").addEventListener("click", () => watch.again());
at("forget").addEventListener("click", () => become(""));
at("entry").addEventListener("submit", enter);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused && last) render();
});
let width = innerWidth;
addEventListener("resize", () => {
  // Plots are as wide as the page. They are drawn again at once, so that they are not stretched until the next second.
  if (width === innerWidth || paused || !shown) return;
  width = innerWidth;
  plotted = 0;
  render();
});
setInterval(status, 1_000);
example();
watch.start(token);
