// One metric of all sessions as strips of dots, a row per site; outliers are diamonds.
(function () {
  const NS = "http://www.w3.org/2000/svg", LEFT = 110, RIGHT = 20, HIGH = 46, WIDE = 900;
  function shape(name, about, text) {
    const node = document.createElementNS(NS, name);
    Object.entries(about).forEach(function (pair) { node.setAttribute(pair[0], pair[1]); });
    if (text !== undefined) { node.textContent = text; }
    return node;
  }
  function plot() {
    const index = Number($("qc-metric").value), metric = qc.metrics[index], sites = Object.keys(qc.medians).sort();
    const known = qc.rows.filter(function (row) { return row.values[index] !== null; });
    const values = known.map(function (row) { return row.values[index]; });
    if (!values.length) { $("qc-plot").replaceChildren(); return; }
    let low = values.reduce(function (a, b) { return Math.min(a, b); }), high = values.reduce(function (a, b) { return Math.max(a, b); });
    if (low === high) { low -= 1; high += 1; }
    const x = function (value) { return LEFT + (WIDE - LEFT - RIGHT) * (value - low) / (high - low); };
    const svg = shape("svg", { viewBox: "0 0 " + WIDE + " " + (HIGH * sites.length + 40), role: "img",
      "aria-label": metric.title + " of " + known.length + " sessions at " + sites.length + " sites, from " + shown(low) + " to " + shown(high) });
    sites.forEach(function (site, place) {
      const middle = HIGH * (place + 0.5), median = qc.medians[site][index];
      svg.append(shape("text", { x: 4, y: middle + 4 }, site.length > 14 ? site.slice(0, 13) + "…" : site));
      svg.append(shape("line", { x1: LEFT, x2: WIDE - RIGHT, y1: middle, y2: middle }));
      if (median !== null) { svg.append(shape("line", { class: "median", x1: x(median), x2: x(median), y1: middle - 16, y2: middle + 16 })); }
    });
    known.forEach(function (row) {
      const spread = ((row.number * 2654435761) % 1000) / 1000 - 0.5; // the same place each time
      const y = HIGH * (sites.indexOf(row.site) + 0.5) + 24 * spread, here = x(row.values[index]);
      const out = row.out.includes(index);
      const dot = out ? shape("path", { class: "mark", d: "M" + here + " " + (y - 6) + "l6 6l-6 6l-6 -6z" }) : shape("circle", { class: "dot", cx: here, cy: y, r: 3 });
      if (out) { dot.addEventListener("click", function () { $("qc-words").value = row.label; update(); location.hash = "sessions"; }); }
      dot.append(shape("title", {}, row.label + ": " + shown(row.values[index])));
      svg.append(dot);
    });
    const foot = HIGH * sites.length + 16;
    svg.append(shape("text", { x: LEFT, y: foot }, shown(low)), shape("text", { x: WIDE - RIGHT, y: foot, "text-anchor": "end" }, shown(high)));
    svg.append(shape("text", { x: (LEFT + WIDE - RIGHT) / 2, y: foot + 12, "text-anchor": "middle" }, metric.title + (metric.unit ? " (" + metric.unit + ")" : "")));
    $("qc-plot").replaceChildren(svg);
  }
  qc.metrics.forEach(function (metric, index) { $("qc-metric").append(new Option(metric.title, String(index))); });
  $("qc-metric").addEventListener("change", plot);
  plot();
})();
