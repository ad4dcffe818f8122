// Formats values. Any client chooses keys and names, so they reach the page as text nodes only. They are shortened, and
// invisible characters and those that change the direction of text are written out.

/** How many characters of a name are shown at its start and at its end. */
const HEAD = 96;
const TAIL = 24;
/** Controls, formats (bidi marks among them), lone surrogates, unassigned characters, and all spaces but the usual one. */
const UNSEEN = /([\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs})/u;

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clock = new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" });

export const number = (value) => whole.format(value);
/** A rate per second. Small rates have one decimal. */
export const rate = (value) => (value < 99.95 ? tenths : whole).format(value);
/** A part of 1 in percent, rounded. 0 and 100 appear only if they are exact. */
export function percent(part) {
  const rounded = Math.round(part * 100);
  if (part > 0 && rounded === 0) return "< 1 %";
  if (part < 1 && rounded === 100) return "> 99 %";
  return `${rounded} %`;
}
/** The time of day in the reader's time zone. */
export const time = (at) => clock.format(at);

/** A duration in ms, in its two largest units. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.round(ms / 1_000);
  let rest = seconds;
  const parts = [];
  for (const [unit, size] of [
    ["d", 86_400],
    ["h", 3_600],
    ["min", 60],
    ["s", 1],
  ]) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n > 0) parts.push(`${n} ${unit}`);
    else if (parts.length > 0) break;
  }
  return parts.slice(0, 2).join(" ");
}

/** A name as nodes: text, and an element of class `unseen` for each invisible character. */
export function name(value) {
  const all = [...String(value ?? "")];
  const nodes = [];
  const write = (characters) => {
    for (const [i, piece] of characters.join("").split(UNSEEN).entries()) {
      if (piece === "") continue;
      nodes.push(
        i % 2 === 0 ? piece : mark("unseen", `U+${piece.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`),
      );
    }
  };
  if (all.length === 0) return [mark("note", "(empty)")];
  if (all.length <= HEAD + TAIL + 1) write(all);
  else {
    write(all.slice(0, HEAD));
    nodes.push(mark("note", ` … ${number(all.length - HEAD - TAIL)} more … `));
    write(all.slice(-TAIL));
  }
  return nodes;
}

function mark(kind, text) {
  const element = document.createElement("span");
  element.className = kind;
  element.textContent = text;
  return element;
}
