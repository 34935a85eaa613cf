// Elements from text: nothing that the JSON holds is ever read as markup.

const SVG = "http://www.w3.org/2000/svg";

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

export const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
export const drawn = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS(SVG, tag), attributes, children);

// A number, and beside it how large it is of the largest.
export function withBar(words, part, whole) {
  const inner = el("span");
  inner.style.width = `${whole ? Math.min(100, (100 * part) / whole) : 0}%`;
  return el("span", { class: "with-bar" }, el("span", {}, words), el("span", { class: "bar", "aria-hidden": "true" }, inner));
}

// Columns: { title, class?, of(row) -> text or node }.
export function table(caption, columns, rows) {
  const heads = columns.map((column) => el("th", { scope: "col", class: column.class ?? "" }, column.title));
  const body = rows.map((row) =>
    el("tr", {}, ...columns.map((column) =>
      el("td", { class: column.class ?? "", "data-label": column.title }, el("span", {}, column.of(row))))));
  return el("table", { class: "cards" },
    caption ? el("caption", {}, caption) : null, el("thead", {}, el("tr", {}, ...heads)), el("tbody", {}, ...body));
}

// The first lines of a long table, and a button for the others; what was opened stays open.
export function shortened(make, rows, most, key, opened) {
  const isLong = rows.length > most && !opened.has(key);
  const parts = [make(isLong ? rows.slice(0, most) : rows)];
  if (isLong) {
    const button = el("button", { type: "button" }, `Show all ${rows.length}`);
    button.addEventListener("click", () => {
      opened.add(key);
      button.parentElement?.replaceChildren(make(rows));
    });
    parts.push(button);
  }
  return parts;
}
