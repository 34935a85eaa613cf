// Draws every figure that stands in the page as JSON, in the colours of the page, and again when those change.
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function dressed(layout) {
  const ink = colour("--ink");
  const look = { ...layout, font: { ...layout.font, color: ink }, hoverlabel: {
    ...layout.hoverlabel, bgcolor: colour("--card"), bordercolor: colour("--line"),
    font: { ...(layout.hoverlabel || {}).font, color: ink } } };
  return look;
}

function draw(target, method) {
  const figure = JSON.parse(document.getElementById(target.dataset.figure).textContent);
  method(target, figure.data, dressed(figure.layout), { responsive: true, displaylogo: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] });
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
