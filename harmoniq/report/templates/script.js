"use strict";
document.querySelectorAll(".flicker").forEach(function (box) {
  const range = box.querySelector("input[type=range]");
  range.addEventListener("input", function () {
    box.querySelector("input[value=slide]").checked = true;
    box.style.setProperty("--part", range.value + "%");
  });
});
document.querySelectorAll(".table").forEach(function (box) {
  const body = box.querySelector("tbody");
  const heads = Array.from(box.querySelectorAll("thead th"));
  const rows = Array.from(body.rows);

  function value(row, column) {
    const cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent : Number(cell.dataset.v);
  }

  function compare(a, b) {
    // Numbers come before words, so that missing values stay together at one end.
    if (typeof a !== typeof b) { return typeof a === "number" ? -1 : 1; }
    return typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true });
  }

  heads.forEach(function (head, column) {
    head.querySelector("button").addEventListener("click", function () {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      rows.sort(function (a, b) {
        const order = compare(value(a, column), value(b, column));
        return down ? -order : order;
      });
      body.append(...rows);
    });
  });

  const input = box.querySelector("input");
  if (!input) { return; }
  const shown = box.querySelector(".shown");
  const texts = new Map(rows.map(function (row) {
    return [row, Array.from(row.cells, function (cell) { return cell.textContent; }).join(" ").toLowerCase()];
  }));
  input.addEventListener("input", function () {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach(function (row) {
      row.hidden = !words.every(function (word) { return texts.get(row).includes(word); });
      count += row.hidden ? 0 : 1;
    });
    shown.textContent = words.length ? count + " of " + rows.length + " rows" : "";
  });
});
