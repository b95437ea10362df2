// Plots of a page, drawn as SVG from the numbers in its data.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [WIDTH, HEIGHT] = [430, 236];
  const MARGIN = { left: 50, right: 12, top: 8, bottom: 38 };
  const COLOURS = 6;

  function svg(tag, attributes = {}, ...content) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...content);
    return made;
  }

  const short = (value) => {
    const size = Math.abs(value);
    if (size !== 0 && (size >= 1e5 || size < 1e-3)) return value.toExponential(0);
    return Number(value.toPrecision(3)).toLocaleString("en");
  };

  // Round numbers between two limits, about as many as asked for.
  function ticks(low, high, wanted) {
    const rough = (high - low) / wanted;
    const power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((each) => each * power).find((each) => each >= rough) || 10 * power;
    const found = [];
    for (let value = Math.ceil(low / step) * step; value <= high + step * 1e-6; value += step) found.push(Number(value.toPrecision(12)));
    return found;
  }

  function logTicks(low, high) {
    const found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high) + 1; power += 1) {
      for (const factor of [1, 2, 5]) {
        const value = factor * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(Number(value.toPrecision(6)));
      }
    }
    return found.length > 8 ? found.filter((value) => Number.isInteger(Math.round(Math.log10(value) * 1e6) / 1e6)) : found;
  }

  function scale(low, high, from, to, isLog) {
    const read = isLog ? Math.log : (value) => value;
    return (value) => from + ((read(value) - read(low)) / (read(high) - read(low))) * (to - from);
  }

  function frame(x, y, xTicks, yTicks, xTitle, yTitle, alt) {
    const [left, right] = [MARGIN.left, WIDTH - MARGIN.right];
    const [top, bottom] = [MARGIN.top, HEIGHT - MARGIN.bottom];
    const made = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": alt });
    for (const value of yTicks) {
      made.append(svg("path", { class: "grid", d: `M${left} ${y(value).toFixed(1)}H${right}` }),
        svg("text", { x: left - 6, y: (y(value) + 4).toFixed(1), "text-anchor": "end" }, short(value)));
    }
    for (const value of xTicks) {
      made.append(svg("path", { class: "axis", d: `M${x(value).toFixed(1)} ${bottom}v4` }),
        svg("text", { x: x(value).toFixed(1), y: bottom + 16, "text-anchor": "middle" }, short(value)));
    }
    made.append(svg("path", { class: "axis", d: `M${left} ${bottom}H${right}` }),
      svg("text", { x: (left + right) / 2, y: HEIGHT - 5, "text-anchor": "middle" }, xTitle),
      svg("text", { x: 12, y: (top + bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(top + bottom) / 2})` }, yTitle));
    return made;
  }

  function figure(title, drawing, names) {
    const made = document.createElement("figure");
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    made.append(caption, drawing);
    if (names.length > 1) {
      const legend = document.createElement("div");
      legend.className = "legend";
      names.forEach((name, index) => {
        const entry = document.createElement("span");
        entry.append(svg("svg", { width: 14, height: 8, "aria-hidden": "true" },
          svg("path", { class: `line c${index % COLOURS}`, d: "M0 4H14" })), name);
        legend.append(entry);
      });
      made.append(legend);
    }
    return made;
  }

  // Errors by the number of training structures

  function curve(title, unit, key) {
    const series = data.errors
      .map((table) => ({ name: table.title, points: table.rows.filter((row) => row.n_train && row[key] > 0).map((row) => [row.n_train, row[key]]) }))
      .filter((each) => each.points.length > 1);
    if (!series.length) return null;
    const xs = series.flatMap((each) => each.points.map((point) => point[0]));
    const ys = series.flatMap((each) => each.points.map((point) => point[1]));
    const [lowX, highX] = [Math.min(...xs) / 1.1, Math.max(...xs) * 1.1];
    const [lowY, highY] = [Math.min(...ys) / 1.12, Math.max(...ys) * 1.12];
    const x = scale(lowX, highX, MARGIN.left, WIDTH - MARGIN.right, true);
    const y = scale(lowY, highY, HEIGHT - MARGIN.bottom, MARGIN.top, true);
    const yTicks = highY / lowY < 4 ? ticks(lowY, highY, 5) : logTicks(lowY, highY);
    const names = series.map((each) => each.name);
    const drawing = frame(x, y, logTicks(lowX, highX), yTicks, "training structures", unit, `${title} by the number of training structures: ${names.join(", ")}`);
    series.forEach((each, index) => {
      const colour = `c${index % COLOURS}`;
      const path = each.points.map(([a, b], place) => `${place ? "L" : "M"}${x(a).toFixed(1)} ${y(b).toFixed(1)}`).join("");
      drawing.append(svg("path", { class: `line ${colour}`, d: path }));
      for (const [a, b] of each.points) {
        drawing.append(svg("circle", { class: colour, cx: x(a).toFixed(1), cy: y(b).toFixed(1), r: 3 },
          svg("title", {}, `${each.name}, ${short(a)} structures: ${short(b)} ${unit}`)));
      }
    });
    return figure(title, drawing, names);
  }

  // Errors by groups of structures

  function bars(title, unit, key) {
    const tables = data.errors.filter((table) => table.rows.some((row) => row.n_structures && row[key] > 0));
    const groups = [...new Set(tables.flatMap((table) => table.rows.map((row) => row.label)))].slice(0, 14);
    if (groups.length < 2 && tables.length < 2) return null;
    const find = (table, label) => table.rows.find((row) => row.label === label)?.[key] || 0;
    const high = Math.max(...tables.flatMap((table) => groups.map((label) => find(table, label)))) * 1.05;
    const left = 128;
    const thick = tables.length > 1 ? 8 : 12;
    const step = tables.length * thick + 8;
    const height = groups.length * step + 40;
    const x = scale(0, high, left, WIDTH - MARGIN.right, false);
    const names = tables.map((table) => table.title);
    const drawing = svg("svg", { viewBox: `0 0 ${WIDTH} ${height}`, role: "img", "aria-label": `${title} by group of structures: ${names.join(", ")}` });
    for (const value of ticks(0, high, 5)) {
      drawing.append(svg("path", { class: "grid", d: `M${x(value).toFixed(1)} 2V${height - 36}` }),
        svg("text", { x: x(value).toFixed(1), y: height - 22, "text-anchor": "middle" }, short(value)));
    }
    groups.forEach((label, row) => {
      const top = row * step + 4;
      const text = label.length > 19 ? `${label.slice(0, 18)}…` : label;
      drawing.append(svg("text", { x: left - 8, y: top + (step - 8) / 2 + 4, "text-anchor": "end" }, text));
      tables.forEach((table, index) => {
        const value = find(table, label);
        drawing.append(svg("rect", { class: `c${index % COLOURS}`, x: left, y: top + index * thick, width: Math.max(x(value) - left, 0).toFixed(1), height: thick - 2 },
          svg("title", {}, `${table.title}, ${label}: ${short(value)} ${unit}`)));
      });
    });
    drawing.append(svg("text", { x: (left + WIDTH) / 2, y: height - 5, "text-anchor": "middle" }, unit));
    return figure(title, drawing, names);
  }

  // Distributions of a dataset

  function histogram({ title, unit, counted, range, series, outside }) {
    const parts = series.map((each) => {
      const sum = each.counts.reduce((total, count) => total + count, 0) || 1;
      return { ...each, shares: each.counts.map((count) => (100 * count) / sum) };
    });
    const high = Math.max(...parts.flatMap((each) => each.shares)) * 1.06;
    const x = scale(range[0], range[1], MARGIN.left, WIDTH - MARGIN.right, false);
    const y = scale(0, high, HEIGHT - MARGIN.bottom, MARGIN.top, false);
    const names = parts.map((each) => each.name).filter(Boolean);
    const left = outside ? `; ${short(outside)} values are outside` : "";
    const means = parts.map((each) => `${each.name || title}: mean ${short(each.mean)}, deviation ${short(each.deviation)} ${unit}`);
    const drawing = frame(x, y, ticks(range[0], range[1], 6), ticks(0, high, 4), unit, `% of ${counted}`, `Distribution of ${title.toLowerCase()}. ${means.join("; ")}${left}`);
    parts.forEach((each, index) => {
      const colour = `c${index % COLOURS}`;
      const width = (range[1] - range[0]) / each.shares.length;
      let path = `M${x(range[0]).toFixed(1)} ${y(0)}`;
      each.shares.forEach((share, place) => {
        path += `V${y(share).toFixed(1)}H${x(range[0] + (place + 1) * width).toFixed(1)}`;
      });
      path += `V${y(0)}`;
      drawing.append(svg("path", { class: `bar ${colour}`, d: `${path}Z` }), svg("path", { class: `outline ${colour}`, d: path }, svg("title", {}, means[index])));
    });
    return figure(title, drawing, names);
  }

  const curves = document.getElementById("curves");
  if (curves) {
    const drawn = [curve("Force error", "eV/Å", "force_rmse"), curve("Energy error", "meV/atom", "energy_rmse"),
      bars("Force error by group", "eV/Å", "force_rmse"), bars("Energy error by group", "meV/atom", "energy_rmse")];
    curves.append(...drawn.filter(Boolean));
  }
  const histograms = document.getElementById("histograms");
  if (histograms) histograms.append(...data.histograms.map(histogram));
})();
