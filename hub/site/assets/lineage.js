// The lineage of a version as a graph: what it was made from on the left, what was made from it on the right.
"use strict";
(() => {
  const place = document.getElementById("graph");
  if (!place) return;
  const data = JSON.parse(document.getElementById("data").textContent);
  const { nodes, edges, hidden } = data.graph;
  const [WIDE, HIGH, GAP_X, GAP_Y] = [190, 46, 92, 14];
  const LIFT = 52;
  const MOST_LETTERS = 24;

  function svg(tag, attributes = {}, ...content) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...content);
    return made;
  }

  const cut = (text) => (text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS - 1)}…` : text);

  // The column of a node is its longest way from the version; a cycle ends it.
  function columns() {
    const own = nodes.find((node) => node.own).id;
    const found = new Map([[own, 0]]);
    function follow(id, column, next, way, seen) {
      for (const other of next(id)) {
        if (seen.has(other)) continue;
        const far = column + way;
        if (!found.has(other) || Math.abs(found.get(other)) < Math.abs(far)) {
          found.set(other, far);
          follow(other, far, next, way, new Set([...seen, other]));
        }
      }
    }
    follow(own, 0, (id) => edges.filter((edge) => edge[1] === id).map((edge) => edge[0]), -1, new Set([own]));
    follow(own, 0, (id) => edges.filter((edge) => edge[0] === id).map((edge) => edge[1]), 1, new Set([own]));
    return found;
  }

  function layout() {
    const found = columns();
    const byColumn = new Map();
    for (const node of nodes) {
      const column = found.get(node.id);
      if (column === undefined) continue;
      if (!byColumn.has(column)) byColumn.set(column, []);
      byColumn.get(column).push(node);
    }
    const order = [...byColumn.keys()].sort((a, b) => a - b);
    const tallest = Math.max(...[...byColumn.values()].map((each) => each.length));
    const height = tallest * (HIGH + GAP_Y) - GAP_Y;
    const at = new Map();
    order.forEach((column, index) => {
      const own = byColumn.get(column);
      const top = (height - (own.length * (HIGH + GAP_Y) - GAP_Y)) / 2;
      own.forEach((node, row) => at.set(node.id, { x: index * (WIDE + GAP_X), y: top + row * (HIGH + GAP_Y), node }));
    });
    return { at, width: order.length * (WIDE + GAP_X) - GAP_X, height };
  }

  function drawEdge([from, to, relation], at) {
    const [a, b] = [at.get(from), at.get(to)];
    if (!a || !b) return [];
    const [x1, y1, x2, y2] = [a.x + WIDE, a.y + HIGH / 2, b.x - 5, b.y + HIGH / 2];
    const half = Math.max((x2 - x1) / 2, 30);
    // An edge that passes other columns goes above what is in them.
    const lift = x2 - x1 > GAP_X ? Math.min(y1, y2) - LIFT : null;
    const made = [svg("path", { class: "edge", d: `M${x1} ${y1}C${x1 + half} ${lift ?? y1} ${x2 - half} ${lift ?? y2} ${x2} ${y2}` }),
      svg("path", { class: "tip", d: `M${x2 + 5} ${y2}l-8 -4v8z` })];
    if (relation) {
      const short = relation.split(" ")[0];
      // At the end that this edge shares with fewer others.
      const shared = edges.filter((edge) => edge[1] === to).length > 1;
      const spot = shared ? { x: x1 + 6, y: y1 - 5 } : { x: x2 - 8, y: y2 - 5, "text-anchor": "end" };
      made.push(svg("text", { class: "relation halo", ...spot }, short, svg("title", {}, relation)));
    }
    return made;
  }

  function drawNode({ x, y, node }) {
    const box = svg("g", { class: `node ${node.kind}${node.own ? " own" : ""}`, transform: `translate(${x} ${y})` },
      svg("rect", { width: WIDE, height: HIGH, rx: 6 }),
      svg("text", { class: "title", x: 10, y: 19 }, cut(node.title)),
      svg("text", { x: 10, y: 36 }, [node.kind, node.note].filter(Boolean).join(", ")),
      svg("title", {}, node.id));
    if (!node.path || node.own) return box;
    return svg("a", { href: data.root + node.path }, box);
  }

  const { at, width, height } = layout();
  const isLifted = edges.some(([from, to]) => at.has(from) && at.has(to) && at.get(to).x - at.get(from).x > WIDE + GAP_X);
  const top = isLifted ? LIFT / 2 : 2;
  const drawing = svg("svg", { width: width + 4, height: height + top + 2, viewBox: `-2 ${-top} ${width + 4} ${height + top + 2}`, role: "group", "aria-label": "Lineage" });
  // Labels of edges are drawn last, above other edges.
  const drawn = edges.flatMap((edge) => drawEdge(edge, at));
  drawing.append(...drawn.filter((each) => each.tagName !== "text"), ...[...at.values()].map(drawNode), ...drawn.filter((each) => each.tagName === "text"));
  place.append(drawing);
  // Where the graph is wider than the page, this version is seen first.
  const own = [...at.values()].find((each) => each.node.own);
  place.parentElement.scrollLeft = own.x + WIDE + 8 - place.parentElement.clientWidth;
  if (hidden[0] || hidden[1]) {
    const note = document.createElement("p");
    note.className = "quiet";
    note.textContent = `Not drawn: ${hidden[0]} further origins and ${hidden[1]} further versions made from it.`;
    place.append(note);
  }
})();
