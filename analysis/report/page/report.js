// Draws every figure that stands in the page as JSON, in the colours of the page, and again when those change.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function dressed(layout) {
  const ink = colour("--ink");
  return { ...layout, font: { ...layout.font, color: ink }, hoverlabel: {
    ...layout.hoverlabel, bgcolor: colour("--card"), bordercolor: colour("--line"),
    font: { ...(layout.hoverlabel || {}).font, color: ink } } };
}

function draw(target, method) {
  const figure = JSON.parse(document.getElementById(target.dataset.figure).textContent);
  method(target, figure.data, dressed(figure.layout), { responsive: true, displayModeBar: false });
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
