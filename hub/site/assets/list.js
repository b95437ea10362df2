// The list of versions: shows what fits the filters, and keeps these in the address.
"use strict";
(() => {
  const { facets, empty, toAddress, fromAddress, prepare, apply } = window.hubFilters;
  const prepared = prepare(window.hubRows);
  const PIECE = 60;
  const MOST_OPTIONS = 60;
  const newest = prepared.filter((each) => each.row.new).length;
  const find = (id) => document.getElementById(id);
  let state = fromAddress(location.hash.slice(1));
  let shown = PIECE;
  let last = { rows: [], counts: {} };

  function element(tag, attributes = {}, ...content) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...content.filter((each) => each !== null));
    return made;
  }

  // Rows

  const number = (value, digits) => value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

  function size(bytes) {
    if (!bytes) return "";
    const steps = ["B", "kB", "MB", "GB", "TB"];
    let step = 0;
    while (bytes >= 1000 && step < steps.length - 1) { bytes /= 1000; step += 1; }
    return `${number(bytes, step ? 1 : 0)} ${steps[step]}`;
  }

  function cell(text, kind = "", unit = "") {
    const made = element("td", { class: text ? kind : `${kind} absent` }, text || "–");
    if (unit) made.dataset.unit = unit;
    return made;
  }

  function line(row) {
    const symbols = row.e.length > 8 ? `${row.e.length} elements` : row.e.join(" ");
    return element("tr", {},
      element("th", { scope: "row" },
        element("a", { href: row.p }, row.n),
        element("span", { class: "v" }, row.v),
        row.bad ? element("span", { class: "v" }, "incomplete") : null,
        element("span", { class: "describe" },
          element("span", { class: `kind ${row.k === "model" ? "model" : "dataset"}` }, row.k), row.d)),
      cell(symbols, "few"),
      cell(row.a, "whole"),
      cell(row.t.join("; "), "few"),
      cell(row.fe === null ? "" : number(row.fe, 3), "right", "eV/Å"),
      cell(row.c === null ? "" : number(row.c, 0), "right", "structures"),
      cell(size(row.s), "right"),
      cell(row.l, row.l.length > 12 ? "few" : "whole"));
  }

  function showRows() {
    const rows = last.rows.slice(0, shown).map(line);
    const body = find("rows").tBodies[0];
    if (rows.length) body.replaceChildren(...rows);
    else body.replaceChildren(element("tr", {}, element("td", { class: "empty", colspan: "8" }, "No version fits all filters.")));
    const left = last.rows.length - shown;
    find("more").hidden = left <= 0;
    find("more").textContent = `Show ${number(Math.min(left, PIECE), 0)} more of ${number(left, 0)}`;
    const of = state.old ? prepared.length : newest;
    find("count").textContent = last.rows.length === of
      ? `${number(of, 0)} ${state.old ? "versions" : "models and datasets"}`
      : `${number(last.rows.length, 0)} of ${number(of, 0)}`;
  }

  // Filters

  function option(facet, name, count) {
    const box = element("input", { type: "checkbox" });
    box.checked = state.chosen[facet].has(name);
    box.addEventListener("change", () => {
      if (box.checked) state.chosen[facet].add(name);
      else state.chosen[facet].delete(name);
      changed();
    });
    return element("label", { class: count ? "option" : "option none" }, box,
      element("span", {}, name), element("span", { class: "n" }, String(count)));
  }

  const drawn = new Map(); // what each facet shows

  function showFacet(group) {
    const facet = group.dataset.facet;
    const counts = last.counts[facet];
    const names = new Set([...all[facet], ...state.chosen[facet]]);
    const sorted = [...names].sort((a, b) =>
      (state.chosen[facet].has(b) - state.chosen[facet].has(a)) || (counts.get(b) || 0) - (counts.get(a) || 0) || (a < b ? -1 : 1));
    const place = group.querySelector(".options");
    group.hidden = names.size < 2 && !state.chosen[facet].size;
    const now = JSON.stringify(sorted.slice(0, MOST_OPTIONS).map((name) => [name, counts.get(name), state.chosen[facet].has(name)]));
    if (drawn.get(facet) === now) return;
    drawn.set(facet, now);
    const [focused, top] = [place.contains(document.activeElement), place.scrollTop];
    const label = focused ? document.activeElement.parentElement.children[1].textContent : "";
    place.replaceChildren(...sorted.slice(0, MOST_OPTIONS).map((name) => option(facet, name, counts.get(name) || 0)));
    place.scrollTop = top;
    if (focused) {
      const same = [...place.children].find((each) => each.children[1].textContent === label);
      if (same) same.firstChild.focus({ preventScroll: true });
    }
  }

  const all = {};
  const everywhere = new Map();
  for (const facet of Object.keys(facets)) all[facet] = new Set();
  for (const { row } of prepared) {
    for (const [facet, read] of Object.entries(facets)) for (const name of read(row)) all[facet].add(name);
    for (const symbol of row.e) everywhere.set(symbol, (everywhere.get(symbol) || 0) + 1);
  }

  const buttons = new Map();
  function makeTable() {
    for (const { symbol, name, row, column } of window.hubElements) {
      const known = everywhere.get(symbol);
      const text = known ? `${name}: ${known} versions` : `${name}: none`;
      const made = element("button", { type: "button", "aria-pressed": "false", "aria-label": `${symbol}, ${name}`, title: text, class: known ? "known" : "" }, symbol);
      made.style.gridRow = row;
      made.style.gridColumn = column;
      made.disabled = !known;
      made.addEventListener("click", () => {
        if (!state.elements.delete(symbol)) state.elements.add(symbol);
        changed();
      });
      buttons.set(symbol, made);
      find("periodic").append(made);
    }
  }

  function showState() {
    if (document.activeElement !== find("query")) find("query").value = state.query;
    for (const limit of ["size", "error", "speed"]) {
      if (document.activeElement !== find(limit)) find(limit).value = state.limits[limit] ?? "";
    }
    find("old").checked = state.old;
    for (const [symbol, made] of buttons) made.setAttribute("aria-pressed", String(state.elements.has(symbol)));
    const symbols = [...state.elements].join(", ");
    find("chosen").textContent = symbols ? `that must be covered: ${symbols}` : "";
    const active = Object.values(state.chosen).reduce((sum, names) => sum + names.size, 0) + Object.keys(state.limits).length;
    find("active").textContent = active ? `(${active})` : "";
    find("clear").hidden = !toAddress({ ...state, sort: "name", down: false, old: false });
    for (const head of document.querySelectorAll("[data-sort]")) {
      const own = head.dataset.sort === state.sort;
      if (own) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    }
  }

  function refresh() {
    last = apply(prepared, state);
    showState();
    document.querySelectorAll("[data-facet]").forEach(showFacet);
    showRows();
  }

  // A new step in the history for each choice; typing replaces the last one.
  function changed({ typed = false } = {}) {
    shown = PIECE;
    const text = toAddress(state);
    const address = `#${text}`;
    if (typed) history.replaceState(null, "", address);
    else if (address !== (location.hash || "#")) history.pushState(null, "", address);
    refresh();
  }

  find("query").addEventListener("input", () => {
    state.query = find("query").value;
    changed({ typed: true });
  });
  for (const limit of ["size", "error", "speed"]) {
    find(limit).addEventListener("input", () => {
      const text = find(limit).value;
      if (text === "" || !(Number(text) >= 0)) delete state.limits[limit];
      else state.limits[limit] = Number(text);
      changed({ typed: true });
    });
  }
  find("old").addEventListener("change", () => { state.old = find("old").checked; changed(); });
  find("clear").addEventListener("click", () => {
    const { sort, down, old } = state;
    state = { ...empty(), sort, down, old };
    changed();
    find("query").value = "";
    find("query").focus();
  });
  find("more").addEventListener("click", () => { shown += PIECE; showRows(); });
  for (const head of document.querySelectorAll("[data-sort]")) {
    head.querySelector("button").addEventListener("click", () => {
      state.down = state.sort === head.dataset.sort ? !state.down : false;
      state.sort = head.dataset.sort;
      changed();
    });
  }
  window.addEventListener("popstate", () => {
    state = fromAddress(location.hash.slice(1));
    shown = PIECE;
    find("query").value = state.query;
    refresh();
  });

  if (matchMedia("(max-width: 900px)").matches) {
    find("filters").open = false;
    find("table").open = false;
  }
  makeTable();
  refresh();
})();
