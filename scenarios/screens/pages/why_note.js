// Locust's page asks for nothing more once a run has stopped: its Why tab stays as it was then, before the rows were all
// stored and looked at. This says so beside it, and at last what came of the run. React's own nodes are left alone.
"use strict";
(() => {
  const POLL_MS = 2500;
  const GOING_ON = new Set(["spawning", "running"]);
  const ENDING = {
    storing: "The users have stopped: the rows are being stored, then analysed. The table is as it was before.",
    analysing: "All rows are stored, and are being analysed. The table is as it was before.",
  };
  const ENDED = new Set(["met", "breached", "void", "unanalysed"]);

  let hasSeenRun = false; // what this page shows is of a run that went on
  let isGoingOn = false;

  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await fetched(...asked);
    if (new URL(answer.url).pathname.endsWith("/stats/requests"))
      answer.clone().json().then(({ state }) => {
        isGoingOn = GOING_ON.has(state);
        hasSeenRun ||= isGoingOn;
      }, () => {});
    return answer;
  };

  const isOpen = () => new URLSearchParams(location.search).get("tab") === "why";

  const link = (href, words) => {
    const made = document.createElement("a");
    made.href = href;
    made.textContent = words;
    return made;
  };

  function show(key, ...parts) {
    const tabs = document.querySelector("[role=tablist]")?.closest(".MuiTabs-root");
    const there = document.getElementById("wsoak-ended");
    if (!tabs || there?.dataset.key === key) return;
    const note = there ?? document.createElement("p");
    note.id = "wsoak-ended";
    note.dataset.key = key;
    note.setAttribute("role", "status");
    if (!there) tabs.after(note);
    note.replaceChildren(...parts);
  }

  async function look() {
    if (!hasSeenRun || isGoingOn || !isOpen()) return document.getElementById("wsoak-ended")?.remove();
    if (document.hidden) return;
    const answer = await fetched("./wsoak/live.json", { cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const { state, run } = await answer.json();
    if (isGoingOn || !isOpen()) return; // meanwhile
    if (state in ENDING) show(state, ENDING[state]);
    if (!ENDED.has(state) || !run) return;
    const report = run.files.includes("report.html") ? [link("./wsoak/report", "Report"), ", "] : [];
    const words = run.first_line || "No verdict was made.";
    show(`${state} ${words} ${report.length}`,
      `The run has ended: ${words} The table is older. `, link("?tab=why", "Show it as it is now"), ", ", ...report,
      link("./wsoak/live", "live page"), ".");
  }

  const tried = () => look().catch(() => {}); // the page goes on asking
  setInterval(tried, POLL_MS);
  document.addEventListener("click", () => setTimeout(tried, 0)); // another tab, perhaps
})();
