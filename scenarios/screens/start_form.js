// Locust's start form, in groups: names the stand-in, and shows a refusal at the field that it is about.
// React owns the form: headings and notes are put beside its nodes, and none of those is moved or taken away.
"use strict";
(() => {
  const facts = JSON.parse(document.getElementById("wsoak-form").textContent);
  const folded = new Set(facts.groups.filter((group) => group.folded).map((group) => group.title));

  // The form says exchangeBudgetS where the option is exchange_budget_s.
  const plain = (name) => name.replace(/[^a-z0-9]/gi, "").toLowerCase();

  const control = (name) =>
    [...document.querySelectorAll("form [name]")].find((one) => plain(one.name) === plain(name));

  // What belongs to one field alone: its label, its frame.
  const box = (field) => {
    let found = field;
    while (found.parentElement.querySelectorAll("[name]").length === 1) found = found.parentElement;
    return found;
  };

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    made.className = className;
    made.textContent = text;
    return made;
  };

  const show = (group) => {
    const isFolded = folded.has(group.title);
    for (const name of group.fields) {
      const field = control(name);
      if (field) box(field).toggleAttribute("data-wsoak-folded", isFolded);
    }
    const button = document.querySelector(`.wsoak-group[data-title="${group.title}"] button`);
    if (button) button.setAttribute("aria-expanded", String(!isFolded));
  };

  const dress = () => {
    for (const group of facts.groups) {
      const first = group.fields.map(control).find(Boolean);
      if (!first || document.querySelector(`.wsoak-group[data-title="${group.title}"]`)) continue;
      const heading = element("h3", "wsoak-group", "");
      heading.dataset.title = group.title;
      const button = element("button", "", group.title);
      button.type = "button";
      button.addEventListener("click", () => {
        if (!folded.delete(group.title)) folded.add(group.title);
        show(group);
      });
      heading.append(button);
      box(first).before(heading);
      show(group);
    }
    const host = control("host");
    if (host && !document.getElementById("wsoak-standin")) {
      const note = element("p", "wsoak-note", facts.standin);
      note.id = "wsoak-standin";
      box(host).after(note);
      host.setAttribute("aria-describedby", note.id);
    }
  };

  const forget = () => {
    const said = document.getElementById("wsoak-refusal");
    if (!said) return;
    said.remove();
    const field = document.querySelector('[aria-describedby~="wsoak-refusal"]');
    field?.removeAttribute("aria-invalid");
    if (field?.name === "host") field.setAttribute("aria-describedby", "wsoak-standin");
    else field?.removeAttribute("aria-describedby");
  };

  const point = (answer) => {
    forget();
    const field = answer.success === false && answer.field && control(answer.field);
    if (!field) return;
    const group = facts.groups.find((one) => one.fields.includes(answer.field));
    if (group) {
      folded.delete(group.title);
      show(group);
    }
    field.closest(".MuiAccordion-root")?.querySelector(".MuiAccordionSummary-root[aria-expanded=false]")?.click();
    const said = element("p", "wsoak-note wsoak-refusal", answer.message);
    said.id = "wsoak-refusal";
    box(field).after(said);
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", said.id);
    field.addEventListener("input", forget, { once: true });
    // What is still being unfolded takes no focus, and cannot be scrolled to.
    const reach = () => {
      if (!said.isConnected) return;
      field.focus();
      said.scrollIntoView({ block: "center" });
    };
    for (const later_ms of [0, 400, 1000]) setTimeout(reach, later_ms);
  };

  const fetched = window.fetch;
  window.fetch = async (...asked) => {
    const answer = await fetched(...asked);
    if (new URL(answer.url).pathname.endsWith("/swarm")) answer.clone().json().then(point, () => {});
    return answer;
  };

  new MutationObserver(dress).observe(document.getElementById("root"), { childList: true, subtree: true });
  dress();
})();
