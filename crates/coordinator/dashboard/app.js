// The page: connects its buttons, the stream of states and the view.
//
// The parts have their own files: stream.js reads states from the server, history.js stores past states, view.js shows the
// numbers, plot.js draws the plots, and text.js formats text.

import { History, moment } from "./history.js";
import { Watch } from "./stream.js";
import { time } from "./text.js";
import { lose, show } from "./view.js";

const TOKEN = "rl-coordinator-token";
const THEME = "rl-coordinator-theme";
/** With reduced motion, plots move at this interval, in ms. */
const CALM = 10_000;

const at = (id) => document.getElementById(id);
const calm = matchMedia("(prefers-reduced-motion: reduce)");

/** Reads and writes a browser storage. If the browser forbids it, nothing is stored. */
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
      /* not stored */
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

/** Shows the state of the connection and the time of the numbers. Writes only changes, because a screen reader speaks them. */
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

/** Shows a line for the shell, for a server without requests. */
function example() {
  const words = [`curl ${new URL("v1/slide", location.href)}`, "-H 'Content-Type: application/json'"];
  if (token) words.push('-H "Authorization: Bearer $TOKEN"');
  words.push(`-d '{"key": "hello", "limit": 5, "window": "60s"}'`);
  at("example").textContent = words.join(" \\\n  ");
}

/** Shows the token form instead of the numbers. */
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
  // A token must fit into a header.
  if (!/^[\x21-\x7e]+$/.test(given)) {
    at("entry-error").textContent = "A token is made of visible ASCII characters, without spaces.";
    return;
  }
  at("entry-error").textContent = "";
  become(given);
}

/** Watches with this token, and drops the data of the previous token. */
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
  // Drawings are as wide as the page. Draws them again at once, so that they are not stretched until the next second.
  if (width === innerWidth || paused || !shown) return;
  width = innerWidth;
  plotted = 0;
  render();
});
setInterval(status, 1_000);
example();
watch.start(token);
