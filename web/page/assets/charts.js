// The pictures of the front page. Each is drawn from the table that it names, which
// is the truth; every data-every seconds the page is asked for again, and what has
// changed in the tables is taken over and drawn anew.

const style = getComputedStyle(document.documentElement);
const calm = matchMedia("(prefers-reduced-motion: reduce)");
let ink;

function look() {
  const of = (name) => style.getPropertyValue("--" + name).trim();
  ink = { text: of("ink"), soft: of("soft"), line: of("line"), card: of("card"), ember: of("ember"), good: of("good"), note: of("note"), danger: of("danger"), amber: of("amber"), edge: of("edge") };
  ink.most = parseInt(ink.text.slice(1, 3), 16) > 128 ? 0.33 : 0.5; // of a colour under what is written
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.font.size = 12;
  Chart.defaults.color = ink.soft;
  Chart.defaults.borderColor = ink.line;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  Object.assign(Chart.defaults.plugins.tooltip, { backgroundColor: ink.text, titleColor: ink.card, bodyColor: ink.card, padding: 10, cornerRadius: 8, boxPadding: 4 });
  Object.assign(Chart.defaults.plugins.legend.labels, { usePointStyle: true, boxHeight: 7, color: ink.text, sort: (a, b) => a.datasetIndex - b.datasetIndex });
}

// A colour of the page, as thick as that: 0 to 1.
function thin(hex, alpha) {
  const n = parseInt(hex.slice(1), 16);
  return `rgba(${n >> 16}, ${(n >> 8) & 255}, ${n & 255}, ${alpha})`;
}

const words = (e) => e.textContent.replace(/\s+/g, " ").trim();
const value = (td) => (td && td.dataset.v !== undefined && td.dataset.v !== "" ? Number(td.dataset.v) : null);

// A table as it stands: its columns by key, and its rows.
function read(id) {
  const t = document.getElementById(id);
  const heads = [...t.tHead.rows[0].cells].slice(1);
  const rows = [...t.tBodies[0].rows].map((r) => ({ key: r.dataset.key, label: words(r.cells[0].querySelector("span")), all: r.classList.contains("all"), dropped: r.classList.contains("dropped"), open: "open" in r.dataset, cells: [...r.cells].slice(1) }));
  return { columns: heads.map(words), keys: heads.map((h) => h.dataset.col), at: (key) => heads.findIndex((h) => h.dataset.col === key), rows };
}

const percent = (v) => Math.round(v * 100) + "%";
const shares = (title, more) => ({ min: 0, grid: { drawOnChartArea: false }, ticks: { callback: percent, maxTicksLimit: 6 }, title: { display: false, text: title }, ...more });
const whole = { min: 0, ticks: { precision: 0, maxTicksLimit: 6 } };

// What makes of a table what Chart.js draws.
const kinds = {
  trend(t) {
    const rows = t.rows.slice().reverse(); // the table has the newest day first
    const line = (key) => rows.map((r) => value(r.cells[t.at(key)]));
    const said = (key) => rows.map((r) => words(r.cells[t.at(key)]));
    const set = (type, key, axis, more) => ({ type, label: t.columns[t.at(key)], data: line(key), said: said(key), yAxisID: axis, ...more });
    return {
      data: {
        labels: rows.map((r) => r.key),
        datasets: [
          set("line", "daily", "n", { order: 1, borderColor: ink.ember, backgroundColor: ink.ember, borderWidth: 2.5, pointRadius: rows.length > 40 ? 0 : 2, pointHitRadius: 8, tension: 0.25, pointStyle: "line", segment: { borderDash: (c) => (rows[c.p1DataIndex]?.open ? [3, 4] : undefined) } }),
          set("bar", "day7", "share", { order: 3, backgroundColor: thin(ink.note, 0.42), hoverBackgroundColor: thin(ink.note, 0.7), borderRadius: 3, pointStyle: "rect" }),
          set("line", "pr", "share", { order: 2, showLine: false, borderColor: ink.good, backgroundColor: ink.good, pointRadius: 4, pointHoverRadius: 6, pointStyle: "rectRot" }),
        ],
      },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: {
          x: { grid: { display: false }, ticks: { maxRotation: 0, autoSkipPadding: 18, callback: (_, i) => rows[i].key.slice(5) } },
          n: { ...whole, position: "left", title: { display: true, text: t.columns[t.at("daily")] } },
          share: shares("", { position: "right", suggestedMax: 0.2, max: undefined }),
        },
        plugins: { tooltip: { callbacks: { label: (c) => `${c.dataset.label}: ${c.dataset.said[c.dataIndex]}` } } },
      },
    };
  },

  curve(t, canvas) {
    const all = t.rows.find((r) => r.all);
    return {
      type: "line",
      data: { labels: t.columns, datasets: [{ label: all.label, data: all.cells.map(value), said: all.cells.map(words), borderColor: ink.ember, backgroundColor: thin(ink.ember, 0.14), fill: true, tension: 0.25, pointRadius: 3, borderWidth: 2.5 }] },
      options: {
        interaction: { mode: "index", intersect: false },
        scales: { x: { grid: { display: false }, title: { display: true, text: canvas.dataset.x } }, y: { ...shares(""), max: 1, grid: {} } },
        plugins: { legend: { display: false }, tooltip: { callbacks: { label: (c) => c.dataset.said[c.dataIndex] } } },
      },
    };
  },

  funnel(t) {
    return {
      type: "funnel",
      data: { labels: t.rows.map((r) => r.label), datasets: [{ label: "", data: t.rows.map((r) => value(r.cells[0])), said: t.rows.map((r) => `${words(r.cells[0])} · ${words(r.cells[1])}`), backgroundColor: t.rows.map((r, i) => thin(r.dropped ? ink.danger : ink.ember, r.dropped ? 0.5 : 0.5 - (0.3 * i) / t.rows.length)), borderWidth: 0 }] },
      options: {
        indexAxis: "y",
        layout: { padding: { left: 4, right: 4 } },
        scales: { x: { display: false }, y: { display: false } },
        plugins: { legend: { display: false }, tooltip: { callbacks: { title: () => "", label: (c) => `${c.label}: ${c.dataset.said[c.dataIndex]}` } } },
      },
      plugins: [named],
    };
  },

  matrix(t, canvas) {
    const roomy = t.columns.length > 5 || canvas.parentElement.clientWidth > 520;
    const cells = t.rows.flatMap((r, y) => r.cells.map((td, x) => ({ x, y, v: value(td) ?? 0, said: words(td) })));
    const most = Math.max(...cells.map((c) => c.v), 0) || 1;
    return {
      type: "matrix",
      data: {
        datasets: [{
          data: cells,
          backgroundColor: (c) => (c.raw && c.raw.v > 0 ? thin(ink.ember, 0.12 + ink.most * Math.sqrt(c.raw.v / most)) : thin(ink.edge, 0.1)),
          borderRadius: 4,
          width: (c) => Math.max(0, c.chart.scales.x.getPixelForValue(1) - c.chart.scales.x.getPixelForValue(0) - 3),
          height: (c) => Math.max(0, c.chart.scales.y.getPixelForValue(1) - c.chart.scales.y.getPixelForValue(0) - 3),
        }],
      },
      options: {
        scales: {
          x: { type: "linear", offset: false, min: -0.5, max: t.columns.length - 0.5, position: "top", grid: { display: false }, border: { display: false }, afterBuildTicks: (a) => (a.ticks = t.columns.map((_, value) => ({ value }))), ticks: { callback: (v) => (roomy ? t.columns[v] : t.keys[v]), maxRotation: 0, autoSkip: true, autoSkipPadding: 6 } },
          y: { type: "linear", offset: false, reverse: true, min: -0.5, max: t.rows.length - 0.5, grid: { display: false }, border: { display: false }, afterBuildTicks: (a) => (a.ticks = t.rows.map((_, value) => ({ value }))), ticks: { autoSkip: false, color: ink.text, callback: (v) => t.rows[v].label } },
        },
        plugins: { legend: { display: false }, tooltip: { displayColors: false, callbacks: { title: () => "", label: (c) => `${t.rows[c.raw.y].label} · ${t.columns[c.raw.x]}: ${c.raw.said || 0}` } } },
      },
      plugins: [written],
    };
  },

  // Each action stands in the column of its turn; what is too thin for its name has
  // none: the table has it.
  sankey(t, canvas) {
    const narrow = canvas.parentElement.clientWidth < 520; // the names of the first turn alone have room
    const labels = {}, column = {}, priority = {}, through = {}, turns = [ink.ember, ink.note, ink.good, ink.amber, ink.danger];
    const kindOf = (node) => node.split(":")[1];
    const kindsOf = [];
    const node = (key, text) => {
      labels[key] = text;
      column[key] = Number(key.split(":")[0]);
      if (!kindsOf.includes(kindOf(key))) kindsOf.push(kindOf(key));
      priority[key] = kindOf(key) === "nothing" ? 99 : kindsOf.indexOf(kindOf(key));
    };
    const links = t.rows.map((r) => {
      const to = r.cells[0].dataset.v, flow = value(r.cells[1]);
      node(r.key, r.label);
      node(to, words(r.cells[0]));
      through[to] = (through[to] || 0) + flow;
      return { from: r.key, to, flow };
    });
    const all = links.reduce((sum, l) => sum + (column[l.from] === 0 ? l.flow : 0), 0);
    const shown = Object.fromEntries(Object.keys(labels).map((k) => [k, column[k] === 0 || (through[k] > all * 0.045 && !(narrow && column[k] > 1)) ? labels[k] : " "]));
    const colour = (k) => (kindOf(k) === "nothing" ? ink.edge : turns[kindsOf.indexOf(kindOf(k)) % turns.length]);
    return {
      type: "sankey",
      data: { datasets: [{ data: links, labels: shown, column, priority, colorFrom: (c) => thin(colour(c.raw.from), 0.7), colorTo: (c) => thin(colour(c.raw.to), 0.7), colorMode: "gradient", color: ink.text, borderWidth: 0, nodeWidth: 9, nodePadding: 14, size: "max" }] },
      options: { plugins: { legend: { display: false }, tooltip: { displayColors: false, callbacks: { title: () => "", label: (c) => `${labels[c.raw.from]} → ${labels[c.raw.to]}: ${c.raw.flow}` } } } },
    };
  },
};

// The steps of the funnel bear their names.
const named = {
  id: "named",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea: a } = chart;
    const set = chart.data.datasets[0];
    ctx.save();
    ctx.fillStyle = ink.text;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    const slice = a.height / set.data.length;
    set.data.forEach((_, i) => {
      const y = a.top + slice * (i + 0.5);
      ctx.font = `600 13px ${Chart.defaults.font.family}`;
      ctx.fillText(chart.data.labels[i], (a.left + a.right) / 2, y - 8);
      ctx.font = `12px ${Chart.defaults.font.family}`;
      ctx.fillText(set.said[i], (a.left + a.right) / 2, y + 9);
    });
    ctx.restore();
  },
};

// The cells of a heat map bear their figures where there is room.
const written = {
  id: "written",
  afterDatasetsDraw(chart) {
    const { ctx } = chart;
    ctx.save();
    ctx.fillStyle = ink.text;
    ctx.textAlign = "center";
    ctx.textBaseline = "middle";
    ctx.font = `11px ${Chart.defaults.font.family}`;
    for (const e of chart.getDatasetMeta(0).data) {
      const raw = chart.data.datasets[0].data[e.$context.dataIndex];
      const text = raw.v > 0 ? raw.said.split(" ")[0] : "";
      if (text && ctx.measureText(text).width < e.width - 2) ctx.fillText(text, e.x + e.width / 2, e.y + e.height / 2);
    }
    ctx.restore();
  },
};

function draw() {
  for (const canvas of document.querySelectorAll("canvas[data-chart]")) {
    const table = read(canvas.dataset.from);
    const config = kinds[canvas.dataset.chart](table, canvas);
    const chart = Chart.getChart(canvas);
    if (chart) {
      chart.data = config.data;
      chart.options = config.options;
      chart.update("none");
    } else new Chart(canvas, config);
  }
}

const numbers = document.getElementById("numbers");
if (numbers && window.Chart) {
  look();
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) Chart.getChart(canvas)?.destroy();
    look();
    draw();
  });
  live();
}

// What is on the page is taken over from a fresh one, part by part, so that what is
// open stays open and what has the focus keeps it.
function take(fresh) {
  const parts = (d) => [...d.querySelectorAll("[data-live]")].map((e) => e.dataset.live).join();
  const pictures = (d) => [...d.querySelectorAll("canvas[data-chart]")].map((c) => c.dataset.chart + c.dataset.from).join();
  const theirs = fresh.getElementById("numbers");
  let changed = false;
  if (pictures(fresh) !== pictures(document) || parts(fresh) !== parts(document)) {
    for (const canvas of document.querySelectorAll("canvas[data-chart]")) Chart.getChart(canvas)?.destroy();
    numbers.replaceChildren(...document.adoptNode(theirs).childNodes);
    changed = true;
  }
  for (const e of document.querySelectorAll("[data-live]")) {
    const other = fresh.querySelector(`[data-live="${e.dataset.live}"]`);
    if (!other) continue;
    const plain = (x) => x.innerHTML.replace(/<time[^]*?<\/time>/g, "");
    if (plain(e) !== plain(other)) changed = true;
    else if (!e.querySelector("time")) continue;
    if (e.tagName === "TABLE") e.tBodies[0].replaceWith(other.tBodies[0]);
    else e.replaceChildren(...other.childNodes);
  }
  document.dispatchEvent(new Event("htmx:after:swap")); // times become local
  if (changed) draw();
}

function live() {
  let last = Date.now(), asking = false, tries = 0;
  const every = () => Number(numbers.dataset.every) * 1000;
  const due = () => Date.now() - last >= (tries ? Math.min(every(), 1000 * tries) : every());
  const say = (what) => document.dispatchEvent(new CustomEvent("hearth:" + what, { detail: "numbers" }));
  const ask = async () => {
    if (asking || document.hidden || !due()) return;
    asking = true;
    try {
      const r = await fetch(location.href, { credentials: "same-origin", headers: { Accept: "text/html" } });
      if (!r.ok) throw new Error(r.status);
      const text = await r.text();
      tries = 0;
      if (text.includes('id="numbers"')) {
        take(new DOMParser().parseFromString(text, "text/html"));
        numbers.dataset.asked = Number(numbers.dataset.asked || 0) + 1;
        say("found");
      } else {
        say("ended"); // what is here for who is not signed in
      }
    } catch {
      tries = Math.min(tries + 1, 4);
      say("lost");
    }
    last = Date.now();
    asking = false;
  };
  setInterval(ask, 1000);
  document.addEventListener("visibilitychange", ask);
}
