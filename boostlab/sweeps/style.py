"""The style of a report page, and the few lines of script that sort its tables."""

from __future__ import annotations

CSS = """
:root {
  color-scheme: light dark;
  --sans: "Inter", "Segoe UI", system-ui, -apple-system, "Helvetica Neue",
    "Liberation Sans", Arial, sans-serif;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas,
    "Liberation Mono", monospace;
  --paper: #f7f6f3; --panel: #ffffff; --ink: #1c1e22; --muted: #686d75;
  --line: #dfddd7; --hair: #eceae5; --best: #e6efe4; --best-ink: #1d4a2a;
  --bad: #a4343a; --bad-paper: #f9ebe9; --accent: #2a5f94;
  --method-0: #2a6cb3; --method-1: #d27a12; --method-2: #2f8a5f;
  --method-3: #8a5bb5; --method-4: #c2475f; --method-5: #14858f;
  --method-6: #86683a; --method-7: #5b66a6; --reference: #9a9fa6;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #121417; --panel: #1a1d21; --ink: #e7e6e2; --muted: #989da6;
    --line: #343941; --hair: #262a30; --best: #1f3527; --best-ink: #b6e3c2;
    --bad: #f0979b; --bad-paper: #35201f; --accent: #86b6e8;
    --method-0: #6da9ea; --method-1: #f0a94f; --method-2: #62c394;
    --method-3: #ba98e4; --method-4: #ec8496; --method-5: #55c4cd;
    --method-6: #cbac74; --method-7: #9ca7e6; --reference: #7a8089;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 15px/1.55 var(--sans); font-variant-numeric: tabular-nums;
}
main { max-width: 1180px; margin: 0 auto; padding: 44px 28px 72px; }
h1 { font-size: 32px; line-height: 1.2; margin: 4px 0 8px; letter-spacing: -0.018em;
  font-weight: 650; text-wrap: balance; }
h2 { font-size: 22px; margin: 56px 0 4px; letter-spacing: -0.012em; font-weight: 650; }
h3 { font-size: 15px; margin: 34px 0 2px; font-weight: 650; }
h2 small, h3 small { font-weight: 400; color: var(--muted); letter-spacing: 0;
  font-size: 0.82em; margin-left: 6px; }
p { margin: 4px 0 12px; max-width: 78ch; text-wrap: pretty; }
a { color: var(--accent); text-decoration: none; }
a:hover { text-decoration: underline; }
.eyebrow { color: var(--muted); font-size: 13px; letter-spacing: 0.02em; margin: 0; }
.lead { font-size: 17px; color: var(--muted); margin-bottom: 22px; }
.note { color: var(--muted); font-size: 13.5px; max-width: 118ch; }
.facts { display: flex; flex-wrap: wrap; gap: 10px 40px; margin: 22px 0 20px;
  padding: 0; }
.facts div { min-width: 76px; }
.facts dt { color: var(--muted); font-size: 12.5px; }
.facts dd { margin: 0; font-size: 21px; font-weight: 600; letter-spacing: -0.01em; }
.facts dd small { font-size: 13px; font-weight: 400; color: var(--muted);
  letter-spacing: 0; }
nav { font-size: 13.5px; border-block: 1px solid var(--line); padding: 9px 0;
  display: flex; flex-wrap: wrap; gap: 4px 22px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 14px 0 2px;
  font-size: 13.5px; }
.legend span, .who { display: inline-flex; align-items: center; gap: 7px;
  white-space: nowrap; }
.glyph { width: 11px; height: 11px; flex: none; overflow: visible; }
.alert { background: var(--hair); border-radius: 8px; padding: 9px 14px;
  margin: 18px 0 0; font-size: 14px; max-width: none; }
.alert.bad { background: var(--bad-paper); color: var(--bad); }
.alert.bad a { color: inherit; text-decoration: underline; }
.panel { background: var(--panel); border: 1px solid var(--line); border-radius: 10px;
  margin: 12px 0; overflow: hidden; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { padding: 7px 14px; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--hair); vertical-align: baseline; }
tr > :first-child, .text { text-align: left; }
th { font-weight: 500; color: var(--muted); font-size: 12.5px; line-height: 1.3;
  border-bottom: 1px solid var(--line); vertical-align: bottom; }
tbody th { color: var(--ink); font-weight: 500; font-size: 13.5px; text-align: left;
  border-bottom: 1px solid var(--hair); vertical-align: baseline; }
tbody tr:last-child > * { border-bottom: 0; }
th small, td small { color: var(--muted); font-size: 12px; font-weight: 400; }
td small, tbody th small { margin-left: 6px; }
.ends { display: inline-block; min-width: 7.6em; text-align: left; }
.ends.wide { min-width: 11.5em; }
td small.lead-in { margin: 0 2px 0 0; }
tbody tr:hover > * { background: color-mix(in srgb, var(--ink) 3%, transparent); }
td.best { background: var(--best); color: var(--best-ink); font-weight: 650; }
tbody tr:hover > td.best { background: var(--best); }
td.best small { color: inherit; opacity: 0.75; }
td.failed { color: var(--bad); }
td.wrap, th.wrap { white-space: normal; min-width: 210px; }
tr.reference > * { color: var(--muted); }
th[aria-sort] { cursor: pointer; user-select: none; }
th[aria-sort]:hover { color: var(--ink); }
th[aria-sort="ascending"]::after { content: " \\2191"; }
th[aria-sort="descending"]::after { content: " \\2193"; }
.plots { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr));
  gap: 12px; margin: 12px 0; }
.strips { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr));
  gap: 12px; margin: 12px 0; }
figure { margin: 0; background: var(--panel); border: 1px solid var(--line);
  border-radius: 10px; padding: 13px 16px 8px; break-inside: avoid; }
figcaption { font-size: 13.5px; font-weight: 600; margin-bottom: 6px; }
figcaption small { font-weight: 400; color: var(--muted); font-size: 12.5px;
  display: block; }
figure svg { display: block; width: 100%; max-width: 480px; height: auto;
  margin: 0 auto; }
figure svg text { font-family: var(--sans); }
details { margin: 12px 0; }
td details { margin: 0; }
summary { cursor: pointer; color: var(--accent); font-size: 13.5px; width: max-content;
  max-width: 100%; }
code, pre { font-family: var(--mono); font-size: 12.5px; }
pre { margin: 0; padding: 12px 14px; overflow-x: auto; white-space: pre-wrap;
  overflow-wrap: anywhere; }
dl.pairs { display: grid; grid-template-columns: max-content 1fr; gap: 3px 22px;
  margin: 12px 0; font-size: 13.5px; }
dl.pairs dt { color: var(--muted); }
dl.pairs dd { margin: 0; }
footer { margin-top: 60px; padding-top: 14px; border-top: 1px solid var(--line);
  color: var(--muted); font-size: 13px; }
@media (max-width: 640px) {
  main { padding: 24px 14px 48px; }
  h1 { font-size: 25px; }
  .facts { gap: 10px 26px; }
  th, td { padding: 7px 9px; }
  .scroll tr > :first-child { position: sticky; left: 0; background: var(--panel); }
}
@media print {
  :root { color-scheme: light;
    --paper: #fff; --panel: #fff; --ink: #000; --muted: #555; --line: #bbb;
    --hair: #ddd; --best: #e9f0e7; --best-ink: #000; --bad: #8a1f25;
    --bad-paper: #fff; --accent: #000;
    --method-0: #2a6cb3; --method-1: #d27a12; --method-2: #2f8a5f;
    --method-3: #8a5bb5; --method-4: #c2475f; --method-5: #14858f;
    --method-6: #86683a; --method-7: #5b66a6; --reference: #9a9fa6; }
  @page { margin: 12mm; }
  html { zoom: 0.6; }
  body { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main { max-width: none; padding: 0; }
  nav, summary { display: none; }
  .scroll { overflow: visible; }
  th, td { padding: 5px 9px; }
  tr, figure, h2, h3 { break-inside: avoid; }
  h2, h3, .note { break-after: avoid; }
}
"""

SCRIPT = """
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.setAttribute("aria-sort", "none");
    head.tabIndex = 0;
    const sort = () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      heads.forEach(h => h.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = row => row.cells[column].dataset.key ?? row.cells[column].innerText;
      const compare = (a, b) => {
        const [x, y] = [key(a), key(b)];
        if (x === "" || y === "") return (x === "") - (y === "");
        const [p, q] = [Number(x), Number(y)];
        const order = isNaN(p) || isNaN(q) ? x.localeCompare(y) : p - q;
        return up ? order : -order;
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
    };
    head.addEventListener("click", sort);
    head.addEventListener("keydown", e => {
      if (e.key === "Enter" || e.key === " ") { e.preventDefault(); sort(); }
    });
  });
}
"""
