"use strict";
(() => {
  const live = document.body.dataset.live;
  const place = document.getElementById("scenarios");
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const made = (tag, text, kind) => {
    const one = document.createElement(tag);
    if (text !== undefined) one.textContent = text;
    if (kind) one.className = kind;
    return one;
  };
  const time = (value) => value === null || value === undefined ? "–" : value < 1 ? `${(value * 1000).toPrecision(3)} ms` : `${value.toPrecision(3)} s`;
  const share = (part, whole) => whole ? `${(100 * part / whole).toFixed(1)} %` : "–";
  const table = (head, rows) => {
    const one = made("table"), top = one.createTHead().insertRow(), body = one.createTBody();
    for (const cell of head) top.append(made("th", cell));
    for (const row of rows) { const line = body.insertRow(); for (const cell of row) line.insertCell().textContent = cell; }
    return one;
  };
  const plots = [], waiting = [];
  const chart = (box, title, rows, series) => {
    const shown = series.filter(([, column]) => rows.some((row) => row[column] !== null));
    if (!shown.length || !rows.length) return;
    const figure = made("figure");
    figure.append(made("h3", title));
    box.append(figure);
    waiting.push(() => plot(figure, rows, shown));
  };
  const plot = (figure, rows, shown) => {
    const axis = { stroke: colour("soft"), grid: { stroke: colour("rule"), width: 1 }, ticks: { stroke: colour("rule") } };
    plots.push(new uPlot({
      width: Math.max(280, figure.clientWidth), height: 200, scales: { x: { time: false }, y: { range: (_, low, high) => [0, Math.max(1, high) * 1.05] } },
      axes: [{ ...axis, label: "seconds", labelSize: 18 }, { ...axis, size: 48 }],
      series: [{ label: "second" }, ...shown.map(([label, , tone]) => ({ label, stroke: colour(tone), width: 1.5, spanGaps: true, paths: uPlot.paths.stepped({ align: 1 }) }))],
    }, [rows.map((row) => row[0]), ...shown.map(([, column]) => rows.map((row) => row[column]))], figure));
  };
  const charts = (box, rows, width, name) => {
    const each = width === 1 ? "per second" : `per ${width} seconds`;
    chart(box, `${name}: requests ${each}`, rows, [["planned", 1, "soft"], ["answered", 2, "main"], ["429", 3, "bad"]]);
    chart(box, `${name}: what answers say is left`, rows, [["limit", 5, "soft"], ["Remaining", 4, "main"]]);
    if (rows.some((row) => row[6])) chart(box, `${name}: waiting for their key`, rows, [["waiting", 6, "second"]]);
  };
  const scenario = (line) => {
    const section = made("section");
    section.append(made("h2", `${line.provider}, ${line.scenario}`));
    const all = line.outcomes;
    section.append(made("p", `${line.offered} wanted, ${line.sent} sent, ${all.ok} ok, ${all.limited} with 429 (${share(all.limited, line.sent)}), ${all.failed + all.timeout} failed, ${line.dropped} dropped, ${line.unsent} still waiting for their key, ${line.early_retries} sent too early; ${line.goodput.toFixed(2)} successes/s`));
    if (line.bottleneck) section.append(made("p", `No verdict: ${line.bottleneck}`, "bad"));
    for (const one of line.thresholds) section.append(made("p", `${one.kept === null ? "no verdict" : one.kept ? "kept" : "BROKEN"}: ${one.name} at most ${one.limit}, got ${one.got ?? "none"}`, one.kept === null ? "soft" : one.kept ? "good" : "bad"));
    const timed = Object.entries(line.quantiles).filter(([, one]) => one.service.count);
    if (timed.length) section.append(table(["from the plan / from sending", "p50", "p95", "p99", "max"], timed.map(([name, one]) => [name, ...["p50", "p95", "p99", "max"].map((part) => `${time(one.from_intended[part])} / ${time(one.service[part])}`)])));
    const keys = Object.entries(line.keys);
    section.append(table(["key", "sent", "ok", "429", "too early", "after a wait", "got through"], keys.map(([role, one]) => [role, one.sent, one.ok, one.limited, one.early_retries, one.retried, one.recovered])));
    for (const [way, states] of Object.entries(line.delivery)) for (const [state, one] of Object.entries(states)) {
      const lacking = `${one.censored ? `, ${one.censored} not by the end` : ""}${one.failed ? `, ${one.failed} failed` : ""}`;
      section.append(made("p", `${state} by ${way}: ${one.seen} of ${one.watched}${lacking}; p50 ${time(one.p50)}, p95 ${time(one.p95)}`));
    }
    const waits = line.recovery.waits;
    if (waits.count) section.append(made("p", `Waits asked: ${waits.count}, p50 ${time(waits.p50)}, longest ${time(waits.max)}`));
    const box = made("div", undefined, "charts");
    section.append(box);
    place.append(section);
    charts(box, line.series, line.width, "all keys");
    if (keys.length > 1) for (const [role, one] of keys) charts(box, one.series, one.width, `key ${role}`);
  };
  const draw = (data) => {
    while (plots.length) plots.pop().destroy();
    document.getElementById("broken").textContent = data.broken_off ? `Broken off: ${data.broken_off}` : "";
    const at = scrollY;
    place.replaceChildren();
    data.scenarios.forEach(scenario);
    while (waiting.length) waiting.shift()();
    if (!data.scenarios.length) place.append(made("p", "No run yet.", "soft"));
    scrollTo(0, at);
  };
  let latest = JSON.parse(document.getElementById("lines").textContent), told = "";
  draw(latest);
  let wide = innerWidth;
  addEventListener("resize", () => { if (innerWidth !== wide) { wide = innerWidth; draw(latest); } });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw(latest));
  if (live) setInterval(async () => {
    const answer = await fetch(live).catch(() => null);
    if (!answer || !answer.ok) return;
    const text = await answer.text();
    if (text === told) return;
    told = text;
    latest = JSON.parse(text);
    draw(latest);
  }, 2000);
})();
