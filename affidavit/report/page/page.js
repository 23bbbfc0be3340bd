"use strict";
/* Everything from a record is put on the page as a text node; nothing here parses markup. */
(() => {
  const PAGE = 100, LONG = 20000;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, attributes = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "click") node.addEventListener("click", value);
      else node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const loaded = new Map();
  const exchanges = (run) => {
    if (!loaded.has(run)) {
      const data = read(`exchanges-${run}`);
      data.index = new Map(data.rows.map((row) => [row[0], row]));
      loaded.set(run, data);
    }
    return loaded.get(run);
  };
  const time = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").replace("Z", "");
  const statusClass = (status) => `status s${status === null ? 0 : Math.floor(status / 100)}`;

  /* ---- one exchange ---- */
  const headers = (pairs) => make("details", {},
    make("summary", {}, `${pairs.length} header${pairs.length === 1 ? "" : "s"}`),
    make("table", {}, make("tbody", {}, ...pairs.map(([name, value]) =>
      make("tr", {}, make("td", {}, name), make("td", {}, value))))));
  const body = (text, span) => {
    const pre = make("pre");
    if (span) {
      const lines = text.split("\n");
      const before = lines.slice(0, span[0]).join("\n"), after = lines.slice(span[1] + 1).join("\n");
      const part = make("mark", { class: "marked" }, lines.slice(span[0], span[1] + 1).join("\n"));
      pre.append(before, part, after);
      requestAnimationFrame(() => { pre.scrollTop = part.offsetTop - pre.offsetTop - 40; });
    } else if (text.length > LONG) {
      const rest = make("button", { type: "button", click: () => pre.replaceChildren(text) },
        `Show all ${text.length.toLocaleString("en")} characters`);
      pre.append(text.slice(0, LONG), "…\n", rest);
    } else pre.append(text);
    return pre;
  };
  const shown = (run, seq, pointer) => {
    const data = exchanges(run), row = data.index.get(seq), whole = data.whole[seq];
    const box = make("div", { class: "exchange" });
    if (!row) {
      box.append(make("p", { class: "note" }, `Exchange ${seq} is not in this file; the record has it.`));
      return box;
    }
    const [, at, , , , method, target, status, ms, error] = row;
    const asked = make("div", { class: "half" }, make("h4", {}, `${method} ${whole ? whole.u : target}`));
    const came = make("div", { class: "half" },
      make("h4", {}, status === null ? `no answer: ${error}` : `${status}${ms === null ? "" : ` after ${ms} ms`}`));
    box.append(make("p", { class: "note" }, `#${seq} at ${time(at)} UTC`), asked, came);
    if (!whole) {
      came.append(make("p", { class: "note" }, "Headers and bodies of this one were left out; the record has them."));
      return box;
    }
    asked.append(headers(whole.q));
    if (whole.b !== null) asked.append(body(whole.b));
    if (whole.h) came.append(headers(whole.h));
    if (whole.r) came.append(body(whole.r, pointer && whole.at && whole.at[pointer]));
    if (whole.cut) came.append(make("p", { class: "note" }, "The record holds only the beginning of this body."));
    return box;
  };

  /* ---- proofs of claims ---- */
  const fill = (claim) => {
    const run = claim.dataset.run;
    for (const place of all(".proof", claim)) {
      if (place.childElementCount) continue;
      const seqs = place.dataset.seqs.split(" ").map(Number), pointer = place.dataset.pointer;
      const boxes = new Map();
      const toggle = (seq, button) => {
        if (boxes.has(seq)) { boxes.get(seq).remove(); boxes.delete(seq); }
        else {
          const box = shown(run, seq, seq === seqs[seqs.length - 1] ? pointer : "");
          boxes.set(seq, box);
          (place.tagName === "SPAN" ? place.parentElement : place).append(box);
        }
        button.setAttribute("aria-expanded", boxes.has(seq));
      };
      if (place.hasAttribute("data-last")) place.append("; the last: ");
      const buttons = seqs.map((seq) => make("button",
        { type: "button", "aria-expanded": "false", "aria-label": `Exchange ${seq}` }, `#${seq}`));
      buttons.forEach((button, at) => button.addEventListener("click", () => toggle(seqs[at], button)));
      place.append(...buttons);
      if (!place.hasAttribute("data-last")) toggle(seqs[seqs.length - 1], buttons[buttons.length - 1]);
    }
  };

  /* ---- the claims and their filters ---- */
  const claims = all(".claim");
  for (const claim of claims) claim.addEventListener("toggle", () => { if (claim.open) fill(claim); });
  const form = document.querySelector("#claims form");
  if (form) {
    const output = form.querySelector("output"), none = document.querySelector("#claims .none");
    const filter = () => {
      const data = new FormData(form), words = data.get("text").toLowerCase().split(/\s+/).filter(Boolean);
      const verdicts = new Set(data.getAll("verdict"));
      const fits = (claim) => verdicts.has(claim.dataset.verdict)
        && ["provider", "operation", "family", "priority"].every((name) => !data.get(name) || claim.dataset[name] === data.get(name))
        && words.every((word) => claim.dataset.text.includes(word));
      let count = 0;
      for (const claim of claims) { claim.hidden = !fits(claim); count += !claim.hidden; }
      output.textContent = `${count} of ${claims.length} claims`;
      none.hidden = count > 0;
    };
    form.addEventListener("input", filter);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", () => setTimeout(filter));
    document.querySelector("[data-clear]").addEventListener("click", () => { form.reset(); form.elements.text.focus(); });
    document.addEventListener("keydown", (event) => {
      const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName);
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        form.elements.text.focus();
      } else if (event.key === "Escape" && document.activeElement === form.elements.text) {
        form.elements.text.value = "";
        filter();
      } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && document.activeElement.matches(".claim > summary")) {
        event.preventDefault();
        const seen = claims.filter((claim) => !claim.hidden);
        const next = seen[seen.indexOf(document.activeElement.parentElement) + (event.key === "ArrowDown" ? 1 : -1)];
        if (next) next.firstElementChild.focus();
      }
    });
    filter();
    const named = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const first = named && named.matches(".claim") ? named : claims.find((claim) => claim.dataset.verdict === "broken");
    if (first) first.open = true;
  }
  for (const button of all("[data-copy]")) button.addEventListener("click", () => {
    const text = button.previousElementSibling;
    getSelection().selectAllChildren(text);
    if (navigator.clipboard) navigator.clipboard.writeText(text.textContent).then(() => { button.textContent = "Copied"; }, () => {});
    else if (document.execCommand("copy")) button.textContent = "Copied";
  });

  /* ---- the list of exchanges ---- */
  for (const article of all("article.exchanges")) {
    const run = article.dataset.run, body = article.querySelector("tbody");
    if (!body) continue;
    const form = article.querySelector("form"), output = article.querySelector("output");
    const [earlier, later] = all(".pages button", article), place = article.querySelector(".pages span");
    let fitting = [], page = 0;
    const draw = () => {
      const last = Math.max(0, Math.ceil(fitting.length / PAGE) - 1);
      page = Math.min(Math.max(page, 0), last);
      body.replaceChildren(...fitting.slice(page * PAGE, (page + 1) * PAGE).map(line));
      place.textContent = fitting.length ? `${page * PAGE + 1} to ${Math.min((page + 1) * PAGE, fitting.length)} of ${fitting.length.toLocaleString("en")}` : "";
      earlier.disabled = page === 0;
      later.disabled = page === last;
    };
    const line = (row) => {
      const [seq, at, operation, source, role, method, target, status, ms] = row;
      const button = make("button", { type: "button", "aria-expanded": "false", "aria-label": `Exchange ${seq}` }, String(seq));
      const tr = make("tr", { class: "row" }, make("td", { class: "n" }, button), make("td", { title: time(at) }, time(at).slice(11)),
        make("td", { class: "n" }, make("span", { class: statusClass(status) }, status === null ? "none" : String(status))),
        make("td", { class: "path" }, `${method} ${target}`), make("td", { class: "by" }, operation), make("td", { class: "by" }, source),
        make("td", {}, role), make("td", { class: "n" }, ms === null ? "" : String(ms)));
      button.addEventListener("click", () => {
        const open = tr.nextElementSibling && tr.nextElementSibling.matches(".more");
        if (open) tr.nextElementSibling.remove();
        else tr.after(make("tr", { class: "more" }, make("td", { colspan: "8" }, shown(run, seq, ""))));
        button.setAttribute("aria-expanded", !open);
      });
      return tr;
    };
    const search = () => {
      const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
      const rows = exchanges(run).rows;
      const text = (row) => row.text || (row.text = row.slice(2, 8).join(" ").toLowerCase());
      fitting = words.length ? rows.filter((row) => words.every((word) => text(row).includes(word))) : rows;
      output.textContent = `${fitting.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
      page = 0;
      draw();
    };
    form.addEventListener("input", search);
    form.addEventListener("submit", (event) => event.preventDefault());
    earlier.addEventListener("click", () => { page -= 1; draw(); });
    later.addEventListener("click", () => { page += 1; draw(); });
    new IntersectionObserver((entries, observer) => {
      if (entries.some((entry) => entry.isIntersecting)) { observer.disconnect(); search(); }
    }, { rootMargin: "600px" }).observe(article);
  }

  /* ---- charts ---- */
  const tones = { main: "--main", second: "--second", good: "--kept", bad: "--broken" };
  const charts = read("charts"), drawn = [];
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const nines = (value) => {
    const left = Math.pow(10, -value);
    return `${(100 * (1 - left)).toFixed(left >= 0.0999 ? 0 : left >= 0.00999 ? 0 : left >= 0.000999 ? 1 : 2)} %`;
  };
  const plot = (figure) => {
    const chart = charts[Number(figure.dataset.chart)], place = figure.querySelector(".plot");
    const wide = Math.max(240, place.clientWidth), quantile = chart.x_scale === "quantile";
    const axis = (label, more) => ({ label, stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line") }, labelSize: 22, font: "12px system-ui", labelFont: "12px system-ui", ...more });
    const series = chart.series.map((one) => ({
      label: one.label, stroke: colour(tones[one.tone]), width: one.kind === "points" ? 0 : 2, spanGaps: false,
      points: { show: one.kind === "points", size: 6, fill: colour(tones[one.tone]) },
      paths: one.kind === "steps" ? uPlot.paths.stepped({ align: 1 }) : one.kind === "points" ? () => null : undefined,
    }));
    const options = {
      width: wide, height: 260, scales: { x: { time: false }, y: chart.y_scale === "log" ? { distr: 3 } : {} }, cursor: { drag: { x: true, y: false } },
      axes: [
        axis(chart.x_label, quantile ? { splits: () => [0, 0.30103, 1, 2, 3].filter((at) => at <= chart.x[chart.x.length - 1]), values: (_, splits) => splits.map(nines) } : {}),
        axis(chart.y_label, { size: 58 }),
      ],
      series: [{ label: chart.x_label, value: (_, at) => at === null || at === undefined ? "–" : quantile ? nines(at) : at.toLocaleString("en", { maximumFractionDigits: 3 }) }, ...series],
    };
    place.replaceChildren();
    return new uPlot(options, [chart.x, ...chart.series.map((one) => one.values)], place);
  };
  const draw = () => {
    while (drawn.length) drawn.pop().destroy();
    for (const figure of all("[data-chart]")) drawn.push(plot(figure));
  };
  if (charts.length) {
    draw();
    let wide = innerWidth, waiting;
    addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => { if (innerWidth !== wide) { wide = innerWidth; draw(); } }, 150);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    matchMedia("print").addEventListener("change", draw);
  }

  /* ---- print: broken claims with their proof ---- */
  addEventListener("beforeprint", () => {
    for (const claim of claims) if (claim.dataset.verdict === "broken") { claim.open = true; fill(claim); }
  });
})();
