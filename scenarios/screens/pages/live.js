// The live page: asks for live.json every few seconds, and writes what has changed.

import { el, shortened, table, withBar } from "./nodes.js";
import { overTime } from "./over_time.js";
import { RUNGS, UNKNOWN, clock, count, delay, milliseconds, plain, share, span } from "./words.js";

const POLL_MS = 2500;
const IDLE_POLL_MS = 5000;
const OLD_S = 20; // the analysis counts every 3 s, and not while it looks at all rows
const mostLines = () => (innerWidth > 700 ? 12 : 5); // below, each line is a card
const LABELS = ["Why do attempts time out?", "How sure?", "What would change it?"];
const GOING_ON = new Set(["starting", "running", "storing", "analysing"]);
const STATES = {
  none: "no run yet", starting: "starting", running: "running", storing: "stopping", analysing: "stopping",
  met: "ended: levels met", breached: "ended: levels breached", void: "void", refused: "refused",
  unanalysed: "ended, not analysed",
};

const at = (id) => document.getElementById(id);
const opened = new Set();
const written = new Map();
let goneSince = null;
let last = null;

// Writes a part of the page only when what it shows has changed: what a reader has opened or hears stays.
function write(id, shown, make) {
  const key = JSON.stringify(shown ?? null);
  if (written.get(id) === key) return;
  written.set(id, key);
  at(id).replaceChildren(...[make()].flat(2).filter((one) => one !== null && one !== ""));
}

const text = (id, words) => write(id, words, () => words);

function sentence({ state, refused, is_off: isOff, live }) {
  const about = live?.analysis_about_s ? `, about ${Math.ceil(live.analysis_about_s)} s` : "";
  switch (state) {
    case "none": return "No run has been started since this page's server began. Start one under “Load and statistics”.";
    case "refused": return refused;
    case "starting": return "The run is starting: no attempt is stored yet.";
    case "running": return isOff ? "The run is going on. Nothing is looked at before its end (--no-live-analysis or --no-analysis)." : "The run is going on.";
    case "storing": return `The users have stopped: storing, then analysing${about}.`;
    case "analysing": return `All rows are stored: analysing${about}.`;
    case "unanalysed": return "The run has ended and no verdict was made; what is stored is in its files.";
    case "void": return "The run has ended, and is void: it says nothing of the target. Why stands below.";
    default: return "The run has ended: this is its verdict, and the report has all of it.";
  }
}

// How old the figures are, where that matters.
function freshness({ state, live, age_s: ageS, is_off: isOff }) {
  if (!live) return GOING_ON.has(state) && !isOff && state !== "starting" ? "Not looked at yet: figures come with the first stored rows." : "";
  const words = `Figures as of ${clock(live.as_of)}.`;
  if (live.is_final) return "";
  if (!GOING_ON.has(state)) return `${words} The live analysis did not reach the end of the run: the report has all of it. ${live.note}`.trim();
  if (ageS > OLD_S) return `${words} That is ${span(ageS)} ago: the live analysis is looking at all rows, or has ended. The run goes on, and is analysed at its end in any case.`;
  return `${words} ${live.note}`.trim();
}

// The answer of the last look, or of the verdict; of a run that ended without one here its first line is known.
function lines({ live, run, state }) {
  const answer = answerOf({ live, state });
  const dd = (...parts) => el("dd", {}, ...parts);
  if (!answer) {
    const open = live?.answer_as_of ? "Attempts have failed since the last look; the next look says why." : "Not looked at yet.";
    return [el("dt", {}, LABELS[0]), dd(GOING_ON.has(state) ? open : run.first_line)];
  }
  const command = answer.command ? el("code", { class: "command" }, answer.command) : "";
  return [
    el("dt", {}, LABELS[0]), dd(answer.why), el("dt", {}, LABELS[1]), dd(answer.how_sure),
    el("dt", {}, LABELS[2]), dd(answer.what_next, command),
  ];
}

const isCurrent = ({ live, state }) => Boolean(live) && (live.is_final || GOING_ON.has(state));
const answerOf = (now) => (isCurrent(now) ? now.live.answer : null);

function looked({ live, state }) {
  if (!GOING_ON.has(state) && !live?.is_final) return "The report has the other two lines.";
  if (!live?.answer_as_of) return GOING_ON.has(state) ? "The first look comes once attempts are stored." : "";
  if (live.is_final) return `Final, as of ${clock(live.answer_as_of)}.`;
  return `As of ${clock(live.answer_as_of)}, not final: looks at a run that goes on follow the sequential rule, so that watching costs no certainty.`;
}

function beside(answer) {
  const parts = (answer?.leads ?? []).map((lead) => el("p", {}, lead));
  for (const [title, names] of [["Tested, undecided", answer?.undecided], ["Not tested by this plan", answer?.not_tested]])
    if (names?.length) parts.push(el("p", { class: "soft" }, `${title}: ${names.join(", ")}.`));
  return parts;
}

function tiles({ attempts, timeouts, elapsed_s: elapsed, planned_s: planned }) {
  const tile = (title, value) => el("div", {}, el("dt", {}, title), el("dd", {}, value));
  return [
    tile("Judged attempts", count(attempts.judged)), tile("Timed out", count(timeouts)),
    tile("Share timed out", share(timeouts, attempts.judged)),
    tile(planned === null ? "Elapsed" : `Elapsed, of ${span(planned)}`, span(elapsed)),
  ];
}

function reconciled({ all, probes, cut_off: cutOff, test_mistakes: mistakes, unreadable, judged }) {
  const less = [[probes, "control probes"], [cutOff, "cut off by the end"], [mistakes, "mistakes of a test"], [unreadable, "unreadable"]];
  const named = less.filter(([n]) => n).map(([n, words]) => ` less ${count(n)} ${words}`);
  return `${count(all)} attempts stored${named.join(",")} = ${count(judged)} judged.`;
}

function lost(lostAt) {
  const rows = Object.entries(lostAt);
  if (!rows.length) return [el("p", { class: "soft" }, "No timeout so far.")];
  const sum = rows.reduce((all, [, n]) => all + n, 0);
  return [table("Timeouts, from this client's own loop to the server's application", [
    { title: "Lost", class: "name", of: ([rung]) => RUNGS[rung] ?? plain(rung) },
    { title: "Timeouts", class: "n", of: ([, n]) => count(n) },
    { title: "Share", class: "bars", of: ([, n]) => withBar(share(n, sum), n, sum) },
  ], rows)];
}

function generator({ lag_p99_s: lag, lag_max_s: most, cpu_max: cpu }) {
  if (lag === null && cpu === null) return [el("p", { class: "soft" }, "Not measured yet.")];
  return [table("All seconds of all load-generating processes so far; late loops make waits look longer than they were", [
    { title: "What", of: ([what]) => what }, { title: "Value", class: "n", of: ([, value]) => value },
  ], [
    ["Lag of the event loop, 99th percentile", milliseconds(lag)], ["Lag, the largest", milliseconds(most)],
    ["CPU of one process, the largest", core(cpu)],
  ])];
}

function workers({ workers: rows, more_workers: more }) {
  if (rows.length < 2) return []; // of one alone all that is said above
  const make = (some) => table("Each of them, the latest loops first", [
    { title: "Worker", class: "name", of: (row) => row.worker },
    { title: "Lag, 99 %", class: "n", of: (row) => milliseconds(row.lag_p99_s) },
    { title: "Lag, largest", class: "n", of: (row) => milliseconds(row.lag_max_s) },
    { title: "CPU, largest", class: "n", of: (row) => core(row.cpu_max) },
  ], some);
  const rest = more ? [el("p", { class: "soft" }, `${count(more)} more workers, of which no later loop was measured.`)] : [];
  return [...shortened(make, rows, 5, "workers", opened), ...rest];
}

const core = (cpu) => (cpu === null ? UNKNOWN : `${Math.round(100 * cpu)} % of a core`);
const named = (value) => (value === null ? "not named" : String(value));

function cells(rows) {
  const sorted = [...rows].sort((a, b) => b.timeouts - a.timeouts || b.timeouts / b.n - a.timeouts / a.n || b.n - a.n);
  const highest = Math.max(0, ...sorted.map((row) => row.timeouts / row.n));
  const make = (some) => table("Most timeouts first; bars are shares of the highest share", [
    { title: "Instance", of: (row) => named(row.instance) },
    { title: "Platform, client, delay", of: (row) => `${named(row.platform)}, ${named(row.client)}, ${delay(row.delay_s)}` },
    { title: "Attempts", class: "n", of: (row) => count(row.n) }, { title: "Timed out", class: "n", of: (row) => count(row.timeouts) },
    { title: "Share", class: "bars", of: (row) => withBar(share(row.timeouts, row.n), row.timeouts / row.n, highest) },
  ], some);
  return shortened(make, sorted, mostLines(), "cells", opened);
}

function group(name, rows) {
  const highest = Math.max(0, ...rows.map((row) => row.failed / row.n));
  const mostly = ({ causes }) => Object.entries(causes).sort((a, b) => b[1] - a[1])[0];
  const make = (some) => table("Failed: timed out, or failed otherwise", [
    { title: "Name", class: "name", of: (row) => (name === "delay_s" ? delay(row.value) : named(row.value)) },
    { title: "Attempts", class: "n", of: (row) => count(row.n) }, { title: "Failed", class: "n", of: (row) => count(row.failed) },
    { title: "Share", class: "bars", of: (row) => withBar(share(row.failed, row.n), row.failed / row.n, highest) },
    { title: "Mostly", class: "mostly", of: (row) => (mostly(row) ? `${plain(mostly(row)[0])} (${count(mostly(row)[1])})` : "–") },
  ], some);
  return shortened(make, rows, mostLines(), name, opened);
}

const FIRST = ["confirmed", "undecided", "ruled_out"];

const claims = (rows) => table("", [
  { title: "Claim", class: "name", of: (claim) => claim.title },
  { title: "State", of: (claim) => el("span", { class: `chip ${claim.state}` }, plain(claim.state)) },
  { title: "Still needs", of: (claim) => claim.needs || "–" },
], [...rows].sort((a, b) => FIRST.indexOf(a.state) - FIRST.indexOf(b.state)));

function links({ run, state }) {
  if (!run) return [];
  const files = run.files.filter((file) => state !== "running" || file === "run.json");
  return files.map((file) => el("a", { href: `${encodeURIComponent(run.name)}/${file}` }, file === "report.html" ? "Report" : file));
}

function show(now) {
  last = now;
  const { state, run, live } = now;
  const chip = at("state");
  chip.className = `chip ${state}`;
  text("state", STATES[state] ?? state);
  text("run", run?.name ?? "");
  text("facts", run ? `${run.target}, ${run.users} users` : "");
  text("sentence", sentence(now));
  text("problem", run?.problem && GOING_ON.has(state) ? `Void, as far as is known: ${run.problem}` : "");
  text("fresh", freshness(now));
  write("links", [run?.name, run?.files, state], () => links(now));
  at("answer").hidden = !run || state === "starting" || state === "unanalysed" || (!live && GOING_ON.has(state));
  if (run) write("lines", [answerOf(now), live?.answer_as_of === null, run.first_line, GOING_ON.has(state)], () => lines(now));
  text("looked", looked(now));
  write("beside", answerOf(now), () => beside(answerOf(now)));
  const hasFigures = Boolean(live?.attempts.all);
  at("tiles").hidden = at("figures").hidden = !hasFigures;
  at("claims-card").hidden = !isCurrent(now) || !live.claims.length;
  text("counts", hasFigures ? reconciled(live.attempts) : "");
  if (hasFigures) figures(live);
  if (live) {
    text("claims-rule", live.is_final ? "As the verdict has them." : "By the sequential rule, at the last look; not final.");
    write("claims", live.claims, () => claims(live.claims));
  }
}

function figures(live) {
  write("tiles", [live.attempts, live.timeouts, live.elapsed_s, live.planned_s], () => tiles(live));
  const width = Math.max(280, at("over-time").clientWidth);
  write("over-time", [live.over_time, live.slot_s, width], () => overTime(live.over_time, live.slot_s, width, opened));
  write("lost", live.lost_at, () => lost(live.lost_at));
  write("generator", live.generator, () => generator(live.generator));
  write("workers", live.generator, () => workers(live.generator));
  write("cells", live.cells, () => cells(live.cells));
  for (const [name, rows] of Object.entries(live.by)) if (at(`by-${name}`)) write(`by-${name}`, rows, () => group(name, rows));
}

async function ask() {
  const response = await fetch("live.json", { cache: "no-store" });
  if (!response.ok || response.redirected) throw new Error(`it answers ${response.status}`);
  return response.json();
}

async function poll() {
  let wait = POLL_MS;
  if (!document.hidden) {
    try {
      const now = await ask();
      goneSince = null;
      at("gone").hidden = true;
      show(now);
      if (!GOING_ON.has(now.state)) wait = IDLE_POLL_MS;
    } catch (error) {
      goneSince ??= new Date().toISOString();
      at("gone").hidden = false;
      text("gone", `The web UI gives no figures since ${clock(goneSince)} (${error.message}). What is shown is older; this page goes on asking.`);
      wait = IDLE_POLL_MS;
    }
  }
  setTimeout(poll, wait);
}

addEventListener("resize", () => { if (last?.live) show(last); });
poll();
