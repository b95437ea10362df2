// What is chosen on the list, its form in the address, and which rows fit it. Touches no page.
"use strict";
window.hubFilters = (() => {
  const facets = {
    kind: (row) => [row.k],
    architecture: (row) => (row.a ? [row.a] : []),
    theory: (row) => row.t,
    licence: (row) => (row.l ? [row.l] : []),
    registry: (row) => [row.r],
  };
  const limits = {
    size: (row) => row.s / 1e6,
    error: (row) => row.fe,
    speed: (row) => row.us,
  };
  const values = {
    name: (row) => row.n,
    elements: (row) => row.e.length || null,
    architecture: (row) => row.a || null,
    theory: (row) => row.t[0] || null,
    error: (row) => row.fe,
    structures: (row) => row.c,
    size: (row) => row.s || null,
    licence: (row) => row.l || null,
  };

  function empty() {
    const chosen = {};
    for (const facet of Object.keys(facets)) chosen[facet] = new Set();
    return { query: "", elements: new Set(), chosen, limits: {}, old: false, sort: "name", down: false };
  }

  // The address holds only what differs from an empty choice.
  function toAddress(state) {
    const parts = new URLSearchParams();
    if (state.query) parts.set("q", state.query);
    if (state.elements.size) parts.set("elements", [...state.elements].join(","));
    for (const [facet, names] of Object.entries(state.chosen)) {
      for (const name of names) parts.append(facet, name);
    }
    for (const [limit, value] of Object.entries(state.limits)) parts.set(`max-${limit}`, value);
    if (state.old) parts.set("old", "1");
    if (state.sort !== "name" || state.down) parts.set("sort", (state.down ? "-" : "") + state.sort);
    return parts.toString();
  }

  function fromAddress(text) {
    const state = empty();
    const parts = new URLSearchParams(text);
    state.query = parts.get("q") || "";
    for (const symbol of (parts.get("elements") || "").split(",")) {
      if (/^[A-Z][a-z]?$/.test(symbol)) state.elements.add(symbol);
    }
    for (const facet of Object.keys(facets)) {
      for (const name of parts.getAll(facet)) state.chosen[facet].add(name);
    }
    for (const limit of Object.keys(limits)) {
      const value = parts.get(`max-${limit}`);
      if (value && Number(value) >= 0) state.limits[limit] = Number(value);
    }
    state.old = parts.get("old") === "1";
    const sort = parts.get("sort") || "name";
    state.down = sort.startsWith("-");
    const name = sort.replace(/^-/, "");
    state.sort = Object.hasOwn(values, name) ? name : "name";
    return state;
  }

  // Every row with the text that a search looks through, computed once.
  function prepare(rows) {
    return rows.map((row) => ({
      row,
      text: [row.n, row.d, row.a, row.l, row.r, row.v, row.e.join(" "), row.t.join(" ")].join(" ").toLowerCase(),
      elements: new Set(row.e),
    }));
  }

  // Return the rows that fit, and how many would fit with each further option of a facet.
  function apply(prepared, state) {
    const words = state.query.toLowerCase().split(/\s+/).filter(Boolean);
    const symbols = [...state.elements];
    const asked = Object.entries(state.chosen).filter(([, names]) => names.size);
    const bounds = Object.entries(state.limits);
    const counts = {};
    for (const facet of Object.keys(facets)) counts[facet] = new Map();
    const rows = [];
    for (const each of prepared) {
      const row = each.row;
      if (!state.old && !row.new) continue;
      if (!words.every((word) => each.text.includes(word))) continue;
      if (!symbols.every((symbol) => each.elements.has(symbol))) continue;
      if (!bounds.every(([limit, most]) => limits[limit](row) !== null && limits[limit](row) <= most)) continue;
      const missed = asked.filter(([facet, names]) => !facets[facet](row).some((name) => names.has(name)));
      if (missed.length > 1) continue;
      for (const [facet, read] of Object.entries(facets)) {
        if (missed.length && missed[0][0] !== facet) continue;
        for (const name of read(row)) counts[facet].set(name, (counts[facet].get(name) || 0) + 1);
      }
      if (!missed.length) rows.push(row);
    }
    return { rows: sorted(rows, state), counts };
  }

  // Rows without a value come last, whatever the direction.
  function sorted(rows, state) {
    const read = values[state.sort];
    const way = state.down ? -1 : 1;
    const order = new Intl.Collator("en", { numeric: true });
    return rows.sort((one, other) => {
      const [a, b] = [read(one), read(other)];
      if (a === null || b === null) {
        if (a !== b) return a === null ? 1 : -1;
      } else {
        const way_of = typeof a === "number" ? a - b : order.compare(a, b);
        if (way_of) return way * way_of;
      }
      return order.compare(one.n, other.n) || order.compare(other.v, one.v);
    });
  }

  return { facets, empty, toAddress, fromAddress, prepare, apply };
})();
