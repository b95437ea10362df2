// Structures of a dataset in three dimensions, with 3Dmol.
"use strict";
(() => {
  const { structures, radii } = window.hubStructures;
  const place = document.getElementById("viewer");
  const stage = place.querySelector(".stage");
  const BOND = 1.25; // times the sum of the covalent radii
  const FORCE = 0.6; // Å for 1 eV/Å
  const LONGEST_ARROW = 3;
  let current = Math.max(structures.findIndex((each) => each.symbols.length > 1), 0);
  let viewer = null;

  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const shows = (what) => place.querySelector(`[data-show="${what}"]`).checked;

  function point(flat, index) {
    return { x: flat[3 * index], y: flat[3 * index + 1], z: flat[3 * index + 2] };
  }

  // Atoms that are closer than the sum of their radii allows; only within the cell as stored.
  function bonds({ symbols, positions }) {
    const found = symbols.map(() => []);
    for (let i = 0; i < symbols.length; i += 1) {
      const a = point(positions, i);
      for (let j = i + 1; j < symbols.length; j += 1) {
        const b = point(positions, j);
        const far = BOND * (radii[symbols[i]] + radii[symbols[j]]);
        const squared = (a.x - b.x) ** 2 + (a.y - b.y) ** 2 + (a.z - b.z) ** 2;
        if (squared < far * far && squared > 0.01) {
          found[i].push(j);
          found[j].push(i);
        }
      }
    }
    return found;
  }

  function drawCell({ cell, periodic }) {
    if (!periodic.some(Boolean)) return;
    const corner = (i, j, k) => ({
      x: i * cell[0][0] + j * cell[1][0] + k * cell[2][0],
      y: i * cell[0][1] + j * cell[1][1] + k * cell[2][1],
      z: i * cell[0][2] + j * cell[1][2] + k * cell[2][2],
    });
    for (const i of [0, 1]) {
      for (const j of [0, 1]) {
        const lines = [[corner(i, j, 0), corner(i, j, 1)], [corner(i, 0, j), corner(i, 1, j)], [corner(0, i, j), corner(1, i, j)]];
        for (const [start, end] of lines) viewer.addCylinder({ start, end, radius: 0.025, color: colour("--strong-line") });
      }
    }
  }

  function drawForces({ symbols, positions, forces }) {
    symbols.forEach((_, index) => {
      if (!forces.length) return;
      const start = point(positions, index);
      const force = point(forces, index);
      const size = Math.hypot(force.x, force.y, force.z);
      if (size < 0.02) return;
      const factor = Math.min(FORCE, LONGEST_ARROW / size);
      const end = { x: start.x + factor * force.x, y: start.y + factor * force.y, z: start.z + factor * force.z };
      viewer.addArrow({ start, end, radius: 0.06, mid: 0.75, color: colour("--s1") });
    });
  }

  function draw(turn) {
    const structure = structures[current];
    const bonded = shows("bonds") ? bonds(structure) : structure.symbols.map(() => []);
    viewer.removeAllModels();
    viewer.removeAllShapes();
    viewer.setBackgroundColor(colour("--paper"));
    const model = viewer.addModel();
    model.addAtoms(structure.symbols.map((elem, index) => ({
      elem, ...point(structure.positions, index), serial: index, index,
      bonds: bonded[index], bondOrder: bonded[index].map(() => 1),
    })));
    viewer.setStyle({}, { sphere: { scale: 0.27, colorscheme: "Jmol" }, stick: { radius: 0.11, colorscheme: "Jmol" } });
    if (shows("cell")) drawCell(structure);
    if (shows("forces")) drawForces(structure);
    if (turn) {
      viewer.zoomTo();
      viewer.rotate(18, "x");
      viewer.rotate(-24, "y");
    }
    viewer.render();
  }

  function formula(symbols) {
    const counts = new Map();
    for (const symbol of symbols) counts.set(symbol, (counts.get(symbol) || 0) + 1);
    return [...counts].sort().map(([symbol, count]) => symbol + (count > 1 ? count : "")).join(" ");
  }

  function describe() {
    const structure = structures[current];
    const rows = [["Structure", `${structure.number}`], ["Formula", formula(structure.symbols)], ["Type", structure.type]];
    for (const { set, energy, force } of structure.labels) {
      if (energy !== null) rows.push([`${set}: energy`, `${energy.toFixed(4)} eV/atom`]);
      if (force !== null) rows.push([`${set}: force`, `${force.toFixed(3)} eV/Å at most`]);
    }
    rows.push(["Periodic", structure.periodic.every(Boolean) ? "in three directions" : structure.periodic.some(Boolean) ? "in some directions" : "no"]);
    rows.push(...structure.notes);
    const list = place.querySelector("dl");
    list.replaceChildren(...rows.filter(([, text]) => text !== "").map(([title, text]) => {
      const row = document.createElement("div");
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = title;
      value.textContent = text;
      row.append(name, value);
      return row;
    }));
    place.querySelector(".place").textContent = `${current + 1} of ${structures.length}`;
  }

  function go(step) {
    current = (current + step + structures.length) % structures.length;
    describe();
    if (viewer) draw(true);
  }

  for (const button of place.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => go(Number(button.dataset.step)));
  }
  for (const box of place.querySelectorAll("[data-show]")) box.addEventListener("change", () => viewer && draw(false));
  stage.addEventListener("keydown", (event) => {
    const turn = { ArrowLeft: [-10, "y"], ArrowRight: [10, "y"], ArrowUp: [-10, "x"], ArrowDown: [10, "x"] }[event.key];
    if (!turn || !viewer) return;
    event.preventDefault();
    viewer.rotate(...turn);
    viewer.render();
  });
  isDark.addEventListener("change", () => viewer && draw(false));

  describe();
  try {
    viewer = window.$3Dmol.createViewer(stage, { backgroundColor: colour("--paper"), antialias: true });
    draw(true);
  } catch {
    viewer = null;
  }
  if (!viewer) {
    const note = document.createElement("p");
    note.className = "empty";
    note.textContent = "This browser cannot draw in three dimensions (WebGL is off).";
    stage.replaceChildren(note);
  }
})();
