// How the page writes what the JSON names. What it does not know it writes as it is.

// From this client's own loop to the server's application, then what nobody knows (docs/evidence.md).
export const RUNGS = {
  generator: "in this client's own loop",
  unsent: "before this client had sent the request",
  unacknowledged: "never acknowledged by the peer's machine",
  undelivered: "on their way back",
  unread: "arrived and not read by this client",
  partial: "in the middle of a message",
  unmatched: "answered with what the protocol class does not know",
  silent_process: "acknowledged, with neither answer nor pong",
  silent_application: "had by the server, which answered pings only",
  late: "answered after the budget",
  unknown: "where, could not be told",
  not_asked: "where, was not asked",
};

export const UNKNOWN = "–";
const number = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

export const plain = (name) => String(name).replaceAll("_", " ");
export const count = (n) => (n === null || n === undefined ? UNKNOWN : number.format(n));

export function share(part, whole) {
  if (!whole) return UNKNOWN;
  const percent = (100 * part) / whole;
  return `${percent === 0 || percent >= 10 ? percent.toFixed(percent === 0 ? 0 : 1) : percent.toPrecision(2)} %`;
}

export function delay(seconds) {
  if (seconds === null || seconds === undefined) return "delay not named";
  return seconds === 0 ? "no delay" : `${Math.round(1000 * seconds)} ms`;
}

export const milliseconds = (seconds) =>
  seconds === null || seconds === undefined ? UNKNOWN : `${(1000 * seconds).toPrecision(2) * 1} ms`;

export function span(seconds) {
  if (seconds === null || seconds === undefined) return UNKNOWN;
  const all = Math.round(seconds);
  const [hours, minutes, rest] = [Math.floor(all / 3600), Math.floor(all / 60) % 60, all % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
}

// As an axis has it: 0:10, 12:00, 1:30:00.
export function hands(seconds) {
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  const pair = (n) => String(n).padStart(2, "0");
  return hours ? `${hours}:${pair(minutes)}:${pair(rest)}` : `${minutes}:${pair(rest)}`;
}

// In the reader's own time zone, as the clock beside the screen has it.
export function clock(iso) {
  const moment = new Date(iso);
  if (!iso || Number.isNaN(moment.getTime())) return UNKNOWN;
  return [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":");
}
