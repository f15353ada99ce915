// The table of quality control: rows are made for what is shown, so that thousands of sessions stay quick.
const qc = JSON.parse(document.getElementById("qc-data").textContent);
const qcKey = "harmoniq-qc " + location.pathname;
const QC_WORDS = qc.words;
const QC_PAGE = 50;
const $ = function (id) { return document.getElementById(id); };
const saved = (function () {
  try { return JSON.parse(localStorage.getItem(qcKey)) || {}; } catch (error) { return {}; }
})();
const mine = saved.ratings || {};
let sortBy = null, down = false, at = 0, view = qc.rows;

function keep() {
  try {
    localStorage.setItem(qcKey, JSON.stringify({ ratings: mine, rater: $("qc-rater").value }));
  } catch (error) {
    $("qc-said").textContent = "This browser keeps nothing for this page: save the table before you close it.";
  }
}

function ratingOf(row) { return mine[row.label] || row.told || { rating: "", comment: "", rater: "" }; }

function rate(row, change) {
  mine[row.label] = Object.assign({}, ratingOf(row), { rater: $("qc-rater").value.trim() || ratingOf(row).rater }, change);
  keep();
  tiles();
}

function make(name, about, children) {
  const node = document.createElement(name);
  Object.entries(about || {}).forEach(function (pair) {
    if (pair[0] === "text") { node.textContent = pair[1]; } else { node.setAttribute(pair[0], pair[1]); }
  });
  (children || []).forEach(function (child) { node.append(child); });
  return node;
}

function shown(number) {
  if (number === null) { return "n/a"; }
  if (Number.isInteger(number) || Math.abs(number) >= 1000) { return String(Math.round(number)); }
  return String(Number(number.toPrecision(3)));
}

function who(row) {
  const parts = [row.report ? make("a", { href: row.report, text: row.label }) : row.label];
  parts.push(make("small", { text: [row.site, row.group].filter(Boolean).join(", ") }));
  if (row.state && row.state !== "done") { parts.push(make("small", { class: "state-" + row.state, text: row.state })); }
  return make("td", { class: "who" }, parts);
}

function pictures(row) {
  return make("td", {}, [make("div", { class: "pictures" }, Object.keys(row.pictures).map(function (kind) {
    const about = { src: "data:image/webp;base64," + row.pictures[kind], alt: qc.kinds[kind] + " of " + row.label };
    const image = make("img", Object.assign(about, { title: qc.kinds[kind], decoding: "async" }));
    return row.figures ? make("a", { href: row.figures + "_desc-" + kind + ".png" }, [image]) : image;
  }))]);
}

function rating(row, line) {
  const now = ratingOf(row);
  const choices = QC_WORDS.map(function (word) {
    const button = make("input", { type: "radio", name: "rate " + row.label, value: word });
    button.checked = now.rating === word;
    button.addEventListener("click", function () {
      const again = ratingOf(row).rating === word; // a second click takes the rating back
      button.checked = !again;
      rate(row, { rating: again ? "" : word });
      line.className = again ? "" : word;
    });
    return make("label", {}, [button, " " + word]);
  });
  const comment = make("input", { type: "text", placeholder: "comment", "aria-label": "Comment on " + row.label });
  comment.value = now.comment;
  comment.addEventListener("change", function () { rate(row, { comment: comment.value.trim() }); });
  const set = make("fieldset", { "aria-label": "Rating of " + row.label }, choices);
  return make("td", { class: "rate" }, [set, comment]);
}

function cell(row, number, index) {
  const metric = qc.metrics[index], out = row.out.includes(index);
  const mark = out ? (number > qc.medians[row.site][index] ? " ▲" : " ▼") : "";
  const about = { class: out ? "num out" : "num", text: shown(number) + mark };
  const where = row.where[metric.name];
  if (out || where) {
    about.title = [where || "", out ? "outlier; median of the site " + shown(qc.medians[row.site][index]) : ""].filter(Boolean).join(", ");
  }
  return make("td", about);
}

function draw() {
  const pages = Math.max(1, Math.ceil(view.length / QC_PAGE));
  at = Math.min(Math.max(at, 0), pages - 1);
  $("qc-table").tBodies[0].replaceChildren.apply($("qc-table").tBodies[0], view.slice(at * QC_PAGE, (at + 1) * QC_PAGE).map(function (row) {
    const line = make("tr", { class: ratingOf(row).rating });
    line.append(who(row), pictures(row), rating(row, line));
    row.values.forEach(function (number, index) { line.append(cell(row, number, index)); });
    return line;
  }));
  document.querySelectorAll(".qc-at").forEach(function (node) {
    node.textContent = view.length ? (at * QC_PAGE + 1) + " to " + Math.min(view.length, (at + 1) * QC_PAGE) + " of " + view.length : "none";
  });
  document.querySelectorAll(".qc-pager button").forEach(function (button) {
    button.disabled = Number(button.dataset.step) < 0 ? at === 0 : at >= pages - 1;
  });
}

function tiles() {
  const counts = { pass: 0, warn: 0, fail: 0 };
  qc.rows.forEach(function (row) { if (ratingOf(row).rating) { counts[ratingOf(row).rating] += 1; } });
  const rest = qc.rows.length - counts.pass - counts.warn - counts.fail;
  const marked = qc.rows.filter(function (row) { return row.out.length > 0; }).length;
  const items = [["sessions", qc.rows.length], ["with outliers", marked], ["pass", counts.pass], ["warn", counts.warn], ["fail", counts.fail], ["not rated", rest]];
  $("qc-tiles").replaceChildren.apply($("qc-tiles"), items.map(function (item) {
    return make("div", {}, [make("dt", { text: item[0] }), make("dd", { text: String(item[1]) })]);
  }));
}

function fits(row) {
  const words = $("qc-words").value.toLowerCase().split(/\s+/).filter(Boolean), wanted = $("qc-show").value;
  const text = [row.label, row.site, row.group, row.state, ratingOf(row).comment].join(" ").toLowerCase();
  if ($("qc-site").value !== "" && row.site !== $("qc-site").value) { return false; }
  if (wanted === "outliers" && row.out.length === 0) { return false; }
  if (wanted === "unrated" && ratingOf(row).rating) { return false; }
  if (wanted === "failed" && row.state === "done") { return false; }
  if (QC_WORDS.includes(wanted) && ratingOf(row).rating !== wanted) { return false; }
  return words.every(function (word) { return text.includes(word); });
}

function order(a, b) {
  const value = function (row) {
    if (sortBy === "rating") { return QC_WORDS.indexOf(ratingOf(row).rating); }
    if (sortBy === "outliers") { return row.out.length; }
    return sortBy === null ? null : row.values[sortBy];
  };
  const x = value(a), y = value(b);
  if (x === null || y === null) { return x === y ? a.number - b.number : x === null ? 1 : -1; } // missing values last
  return (down ? y - x : x - y) || a.number - b.number;
}

function update() { view = qc.rows.filter(fits).sort(order); at = 0; draw(); }

function head(title, by, meaning) {
  const button = make("button", { type: "button", text: title });
  const th = make("th", { scope: "col", title: meaning }, [button]);
  if (typeof by === "number") { th.className = "num"; }
  button.addEventListener("click", function () {
    down = sortBy === by ? !down : false;
    sortBy = by;
    $("qc-table").querySelectorAll("th").forEach(function (other) { other.removeAttribute("aria-sort"); });
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    if (typeof by === "number") { $("qc-metric").value = String(by); $("qc-metric").dispatchEvent(new Event("change")); }
    update();
  });
  return th;
}

function table() {
  const clean = function (text) { return String(text || "").replace(/\s+/g, " ").trim() || "n/a"; };
  const lines = qc.rows.map(function (row) { return [row, ratingOf(row)]; }).filter(function (pair) {
    return pair[1].rating || pair[1].comment;
  }).map(function (pair) {
    return [pair[0].participant, pair[0].session, pair[1].rating, pair[1].comment, pair[1].rater].map(clean).join("\t");
  });
  return [qc.columns.join("\t")].concat(lines).join("\n") + "\n";
}

function load(text) {
  const lines = text.trim().split(/\r?\n/).map(function (line) { return line.split("\t"); });
  const place = function (name) { return lines[0].indexOf(name); };
  if (place("participant_id") < 0 || place("rating") < 0) { return -1; }
  const value = function (cells, name) { const v = cells[place(name)]; return v === undefined || v === "n/a" ? "" : v; };
  let count = 0;
  lines.slice(1).forEach(function (cells) {
    const session = value(cells, "session_id"), word = value(cells, "rating");
    qc.rows.forEach(function (row) {
      if (row.participant === value(cells, "participant_id") && (!session || row.session === session)) {
        mine[row.label] = { rating: QC_WORDS.includes(word) ? word : "", comment: value(cells, "comment"), rater: value(cells, "rater") };
        count += 1;
      }
    });
  });
  return count;
}

$("qc-table").tHead.rows[0].append(head("session", null, "Participant and session, with a link to the report"));
$("qc-table").tHead.rows[0].append(head("pictures", "outliers", "Sorts by the number of outliers"), head("rating", "rating", "What you say of it"));
qc.metrics.forEach(function (metric, index) {
  const unit = metric.unit ? " (" + metric.unit + ")" : "";
  $("qc-table").tHead.rows[0].append(head(metric.title + unit, index, metric.meaning));
});
$("qc-site").append(new Option("all", ""));
Object.keys(qc.medians).sort().forEach(function (site) { $("qc-site").append(new Option(site, site)); });
$("qc-rater").value = saved.rater || "";
["qc-words", "qc-site", "qc-show"].forEach(function (id) { $(id).addEventListener("input", update); });
$("qc-rater").addEventListener("change", keep);
document.querySelectorAll(".qc-pager button").forEach(function (button) {
  button.addEventListener("click", function () { at += Number(button.dataset.step); draw(); });
});
$("qc-export").addEventListener("click", function () {
  const address = URL.createObjectURL(new Blob([table()], { type: "text/tab-separated-values" }));
  make("a", { href: address, download: "participants_qc.tsv" }).click();
  setTimeout(function () { URL.revokeObjectURL(address); }, 10000);
  $("qc-said").textContent = "Put the file into the folder of this page, and run the group level with --exclude-qc fail.";
});
$("qc-import").addEventListener("change", function () {
  const file = $("qc-import").files[0];
  if (!file) { return; }
  file.text().then(function (text) {
    const count = load(text);
    $("qc-said").textContent = count < 0 ? "This is not a table of ratings: it needs participant_id and rating." : count + " ratings opened";
    keep();
    tiles();
    update();
  });
});
tiles();
draw();
