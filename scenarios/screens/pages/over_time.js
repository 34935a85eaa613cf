// The attempts of each stretch of the run, and below them those that did not succeed, by cause.

import { drawn, el, table } from "./nodes.js";
import { count, hands, plain, span } from "./words.js";

const STEPS_S = [10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600, 43200, 86400];
const MOST_CAUSES = 5;
const [LEFT, RIGHT, ABOVE, ALL, GAP, BAD, BELOW] = [46, 8, 18, 46, 34, 130, 26];
const HEIGHT = ABOVE + ALL + GAP + BAD + BELOW;

// The series in the order in which they are stacked: the most frequent causes, the others, what failed without a wait.
export function series(slots) {
  const totals = new Map();
  for (const slot of slots)
    for (const [cause, n] of Object.entries(slot.timeout)) totals.set(cause, (totals.get(cause) ?? 0) + n);
  const causes = [...totals.keys()].sort((a, b) => totals.get(b) - totals.get(a) || (a < b ? -1 : 1));
  const [named, others] = [causes.slice(0, MOST_CAUSES), causes.slice(MOST_CAUSES)];
  const made = named.map((cause, at) => ({
    title: `timeout: ${plain(cause)}`, class: `s${at}`, of: (slot) => slot.timeout[cause] ?? 0,
  }));
  if (others.length)
    made.push({
      title: `timeout: ${others.length} other causes`, class: "s5",
      of: (slot) => others.reduce((sum, cause) => sum + (slot.timeout[cause] ?? 0), 0),
    });
  if (slots.some((slot) => slot.failed)) made.push({ title: "failed", class: "s6", of: (slot) => slot.failed });
  return made;
}

const badOf = (slot, stacked) => stacked.reduce((sum, one) => sum + one.of(slot), 0);

// A round number, so that the half of it can be written as well.
function roof(n) {
  const step = 10 ** Math.floor(Math.log10(Math.max(n, 2)));
  return [1, 2, 4, 6, 8, 10].map((times) => times * step).find((one) => one >= n && one % 2 === 0) ?? 10 * step;
}

export function overTime(slots, slotS, width, opened) {
  const stacked = series(slots);
  const bad = slots.map((slot) => badOf(slot, stacked));
  const worst = bad.reduce((most, n) => Math.max(most, n), 0);
  const all = slots.map((slot, at) => slot.ok + bad[at]);
  const until = (slots.at(-1)?.t_s ?? 0) + slotS;
  const sums = stacked.map((one) => `${one.title} ${count(slots.reduce((sum, slot) => sum + one.of(slot), 0))}`);
  const summary = `Attempts per ${span(slotS)} over ${span(until)}; of them not successful at most ${count(worst)} in one stretch. ${sums.join(", ") || "None failed"}.`;
  const parts = [];
  if (stacked.length)
    parts.push(el("ul", { class: "legend" },
      ...stacked.map((one) => el("li", {}, el("i", { class: one.class, "aria-hidden": "true" }), one.title))));
  parts.push(figure(slots, slotS, width, { stacked, all, worst, until, summary }));
  const columns = [
    { title: "From", of: (slot) => span(slot.t_s) }, { title: "Successful", class: "n", of: (slot) => count(slot.ok) },
    ...stacked.map((one) => ({ title: one.title, class: "n", of: (slot) => count(one.of(slot)) })),
  ];
  const details = el("details", opened.has("over-time") ? { open: "" } : {}, el("summary", {}, "As a table"),
    el("div", { class: "long", tabindex: "0", role: "region", "aria-label": "Outcomes over time as a table" },
      table("", columns, slots)));
  details.addEventListener("toggle", () => (details.open ? opened.add("over-time") : opened.delete("over-time")));
  parts.push(details);
  return parts;
}

function figure(slots, slotS, width, { stacked, all, worst, until, summary }) {
  const room = width - LEFT - RIGHT;
  const [allFoot, badFoot] = [ABOVE + ALL, ABOVE + ALL + GAP + BAD];
  const [allRoof, badRoof] = [roof(Math.max(1, ...all)), roof(worst)];
  const x = (seconds) => LEFT + (room * seconds) / until;
  const columnWidth = Math.max(1, (room * slotS) / until - (room * slotS) / until / 8);
  const svg = drawn("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "img", "aria-label": summary });
  const line = (y, text) => svg.append(
    drawn("line", { x1: LEFT, x2: width - RIGHT, y1: y, y2: y }),
    drawn("text", { x: LEFT - 6, y: y + 4, "text-anchor": "end" }, text));
  const column = (slot, from, n, top, height, className) => svg.append(drawn("rect", {
    class: className, x: x(slot.t_s), width: columnWidth, y: top - (height * (from + n)), height: height * n,
  }));
  svg.append(drawn("text", { x: LEFT, y: 12 }, `All judged attempts per ${span(slotS)}`));
  svg.append(drawn("text", { x: LEFT, y: allFoot + GAP - 8 }, `Timeouts and failures per ${span(slotS)}`));
  line(allFoot, "0");
  line(ABOVE, count(allRoof));
  line(badFoot, "0");
  line(badFoot - BAD / 2, count(badRoof / 2));
  line(badFoot - BAD, count(badRoof));
  slots.forEach((slot, at) => {
    column(slot, 0, all[at], allFoot, ALL / allRoof, "all");
    let from = 0;
    for (const one of stacked) {
      const n = one.of(slot);
      if (n) column(slot, from, n, badFoot, BAD / badRoof, one.class);
      from += n;
    }
  });
  const step = STEPS_S.find((one) => until / one <= Math.max(1, room / 90)) ?? until;
  for (let tick = 0; tick <= until; tick += step)
    svg.append(drawn("text", { x: x(tick), y: HEIGHT - 8, "text-anchor": tick === 0 ? "start" : tick + step / 3 > until ? "end" : "middle" }, hands(tick)));
  return svg;
}
