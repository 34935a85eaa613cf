// Draws every figure that stands in the page as JSON, in the colours of the page, and again when those change.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const NARROW = 700;

// Plotly wraps nothing by itself: on a narrow card the words of an axis stand on several lines.
function wrapped(text, most) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines[lines.length - 1];
    if (line && line.length + word.length >= most) lines.push(word);
    else lines[lines.length - 1] = line ? `${line} ${word}` : word;
  }
  return lines.join("<br>");
}

function fitting(layout, width, data) {
  if (width >= NARROW) return layout;
  const most = Math.max(16, Math.floor((width - 180) / 7));
  const look = { ...layout, margin: { ...layout.margin, l: 10, r: 24 } };
  // A name a line: the legend grows upwards, and what stands between it and the axes needs its room.
  const names = layout.showlegend ? data.filter((trace) => trace.name && trace.showlegend !== false).length : 0;
  if (names > 2) look.height = layout.height + 19 * (names - 2);
  for (const [name, axis] of Object.entries(layout)) {
    if (/^xaxis/.test(name) && axis.title && axis.title.text)
      look[name] = { ...axis, automargin: true, title: { ...axis.title, text: wrapped(axis.title.text, most) } };
    if (/^yaxis/.test(name)) look[name] = { ...axis, automargin: true };
  }
  // What an empty figure says stands in its middle.
  look.annotations = (layout.annotations || []).map((note) => note.xref === "paper" && note.yref === "paper" && note.y === 0.5
    ? { ...note, text: wrapped(note.text.replaceAll("<br>", " "), Math.floor(width / 8)) } : note);
  return look;
}

function dressed(layout) {
  const ink = colour("--ink");
  return { ...layout, font: { ...layout.font, color: ink }, hoverlabel: {
    ...layout.hoverlabel, bgcolor: colour("--card"), bordercolor: colour("--line"),
    font: { ...(layout.hoverlabel || {}).font, color: ink } } };
}

function draw(target, method) {
  const figure = JSON.parse(document.getElementById(target.dataset.figure).textContent);
  method(target, figure.data, dressed(fitting(figure.layout, target.clientWidth, figure.data)), { responsive: true, displayModeBar: false });
}

// On a narrow screen a row is a card: each cell then says which column it was.
for (const table of document.querySelectorAll("table")) {
  const heads = [...table.querySelectorAll(":scope > tbody > tr:first-child > th")];
  if (!heads.length) continue;
  heads[0].parentElement.classList.add("heads");
  for (const row of table.querySelectorAll(":scope > tbody > tr:not(:first-child)")) {
    [...row.children].forEach((cell, at) => {
      const label = document.createElement("span");
      label.className = "label";
      label.textContent = heads[at] ? heads[at].textContent : "";
      label.setAttribute("aria-hidden", "true");
      const value = document.createElement("div");
      value.append(...cell.childNodes);
      cell.append(label, value);
      cell.dataset.label = label.textContent;
    });
  }
}

const targets = [...document.querySelectorAll("[data-figure]")];
// Figures are drawn when they come near the screen: the page opens at once, however many there are.
const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((e) => e.isIntersecting)) {
    watcher.unobserve(entry.target);
    entry.target.dataset.drawn = "yes";
    draw(entry.target, Plotly.newPlot);
  }
}, { rootMargin: "800px" });
targets.forEach((target) => watcher.observe(target));
dark.addEventListener("change", () =>
  targets.filter((t) => t.dataset.drawn).forEach((t) => draw(t, Plotly.react)));
window.addEventListener("beforeprint", () =>
  targets.filter((t) => !t.dataset.drawn).forEach((t) => { t.dataset.drawn = "yes"; draw(t, Plotly.newPlot); }));

// What scrolls sideways can be reached with the keyboard, too.
function reachable() {
  for (const box of document.querySelectorAll(".scroll")) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}
window.addEventListener("resize", reachable);
reachable();
