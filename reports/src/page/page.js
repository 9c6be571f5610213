"use strict";
(() => {
const D = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);
const esc = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
const num = (n) => n.toLocaleString("en-US");
const PURPOSES = ["produce", "transactions", "consume", "groups", "sinks", "replication", "cluster", "idle"];
const ESSENTIAL = [0, 1, 2, 3, 4], QUIET = 5;
const FATES = ["delivered", "late", "lost", "underway"];
const GUTTER = 132, RIGHT = 18, TOP = 26, MAX_DRAWN = 1200;

// ---- the story ----------------------------------------------------------------------------------------------------
const lanes = D.lanes.map((l, i) => ({ ...l, i, client: !["broker", "controller"].includes(l.kind) }));
{ let c = 0; for (const l of lanes) l.color = l.client ? `var(--c${c++ % 7})` : "var(--c7)"; }
let clock = 0;
const M = D.messages.map((r, i) => {
  clock += r[0];
  return { i, s: clock, a: clock + r[1], f: r[2], t: r[3], kind: D.texts[r[4]], ans: !!r[5], pur: r[6], fate: r[7],
    label: D.texts[r[8]], detail: D.texts[r[9]], err: D.texts[r[10]], strips: r[11] === -1 ? [] : [].concat(r[11]),
    pid: r[12], ep: r[13], req: r[14] ? i - r[14] : -1, score: 0, answer: -1 };
});
for (const m of M) if (m.req >= 0) M[m.req].answer = m.i;
const strips = D.strips.map((s, i) => {
  const batches = s.batches.map((b) => ({ t: b[0], base: b[1], n: b[2], end: b[1] + b[2], kind: b[3], lane: b[4], pid: b[5], ep: b[6],
    seq: b[7], le: b[8], txn: b[9], decided: b[10], commit: !!b[11], gone: b[12], msg: b[13], words: b.length > 14 ? D.texts[b[14]] : "" }));
  const flaws = s.flaws.map((f) => ({ kind: f[0], first: f[1], last: f[2], os: f[3], of: f[4] }));
  return { i, name: s.name, internal: !!s.internal, holds: s.holds || "", batches, levels: s.levels, flaws, leo: batches.reduce((m, b) => Math.max(m, b.end), 0) };
});
const batchAt = (strip, offset) => { for (let i = strip.batches.length - 1; i >= 0; i--) { const b = strip.batches[i]; if (b.base <= offset && offset < b.end) return b; } return null; };
const FLAWS = ["copy", D.judgement.verdict === "stuck" ? "held back" : "lost", "leaked"];
const troubles = [];
for (const s of strips) for (const f of s.flaws) {
  const b = batchAt(s, f.first);
  if (!b) continue;
  const first = f.os >= 0 ? batchAt(strips[f.os], f.of) : null;
  for (const x of [b, first]) if (x && x.msg >= 0) M[x.msg].score = 30;
  const t = f.kind === 1 && b.gone >= 0 ? b.gone : b.t;
  if (troubles.length < 2000) troubles.push({ t, msg: b.msg, strip: s.i, offset: f.first });
}
for (const f of D.fences) troubles.push({ t: f.t, msg: -1 });
if (!troubles.length) for (const p of D.judgement.findings.flatMap((f) => f.allowed ? [] : f.proofs).flat()) if (p.link && p.link.time !== undefined) troubles.push({ t: Math.min(p.link.time, D.end), msg: -1 });
if (!troubles.length) for (const m of M) if (m.fate === 2 && m.pur < QUIET) troubles.push({ t: m.a, msg: m.i });
if (!troubles.length) for (const b of D.bands) troubles.push({ t: b.from, msg: -1 });
troubles.sort((a, b) => a.t - b.t);
const refusals = new Map(); // the first time that something is refused is news, the tenth is not
for (const m of M) {
  if (m.err) { const k = m.kind + m.err, n = (refusals.get(k) || 0) + 1; refusals.set(k, n); m.score += n < 3 ? 9 : 3; }
  m.score += (m.fate ? 12 : 0) + [5, 6, 2, 2, 6, 1, 1, 0][m.pur] - (m.ans && !m.err && !m.fate ? 3 : 0);
  if (m.req >= 0 && M[m.req].score >= 30) m.score += 8;
}

/** The next transaction of the same client: it may begin before the markers of the previous one are written. */
const followers = D.transactions.map((x, i) => D.transactions.findIndex((o, j) => j > i && o.lane === x.lane));

// ---- state --------------------------------------------------------------------------------------------------------
const S = { t: D.focus, sel: -1, w: null, pur: new Set(ESSENTIAL), node: "", part: "", txn: "", kind: "", q: "", fold: true, theme: "", internal: false };
let V = [], reach = [], A = null, shown = [], W = 800, hits = [], hitAt = -1, flash = null;

const pick = (m) => S.pur.has(m.pur) && (S.node === "" || m.f === +S.node || m.t === +S.node)
  && (S.part === "" || m.strips.includes(+S.part)) && (S.txn === "" || inTxn(m)) && (S.kind === "" || m.kind === S.kind);
function inTxn(m) {
  const x = D.transactions[+S.txn];
  if (!x || m.pid !== x.pid) return false;
  return m.s >= x.begin && (x.end == null || m.s <= x.end + 5e6);
}

/** Time to units: idle time is folded, so that what happens within a millisecond and what takes minutes are both seen. */
function axisOf(times, fold) {
  const T = [...new Set(times)].sort((a, b) => a - b), P = new Float64Array(T.length);
  const unit = (g) => g > 2e7 ? 8.65 + Math.log10(g / 2e7) * 0.9 : Math.log2(1 + g / 5e4);
  for (let i = 1; i < T.length; i++) P[i] = P[i - 1] + (fold ? unit(T[i] - T[i - 1]) : (T[i] - T[i - 1]) / 1e6);
  const at = (list, x) => { let lo = 0, hi = T.length - 1; while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (list[mid] <= x) lo = mid; else hi = mid - 1; } return lo; };
  const step = (i) => Math.max(1e-9, P[i + 1] - P[i]);
  return { T, P, end: P[P.length - 1] || 1,
    u(t) { const i = at(T, t); return i + 1 < T.length ? P[i] + (t - T[i]) / (T[i + 1] - T[i]) * step(i) : P[i]; },
    t(u) { const i = at(P, u); return i + 1 < T.length ? T[i] + Math.max(0, Math.min(1, (u - P[i]) / step(i))) * (T[i + 1] - T[i]) : T[i]; } };
}
function refilter() {
  const keep = A && S.w;
  V = M.filter(pick);
  reach = new Float64Array(V.length);
  let max = -1;
  V.forEach((m, i) => { max = Math.max(max, m.a); reach[i] = max; });
  const times = [0, D.end];
  for (const m of V) times.push(m.s, Math.min(m.a, D.end));
  for (const b of D.bands) times.push(b.from, Math.min(b.to, D.end));
  for (const x of D.transactions) { times.push(x.begin); if (x.end != null) times.push(x.end); }
  for (const f of D.fences) times.push(f.t);
  A = axisOf(times, S.fold);
  const used = new Set();
  for (const m of V) { used.add(m.f); used.add(m.t); }
  for (const b of D.bands) if (b.kind !== "event") for (const l of b.lanes) used.add(l);
  for (const x of D.transactions) used.add(x.lane);
  shown = lanes.filter((l) => used.has(l.i) && (S.node === "" || V.length === 0 || used.has(l.i)));
  if (!shown.length) shown = lanes.slice();
  if (!keep) S.w = null;
}
const firstAt = (t) => { let lo = 0, hi = V.length; while (lo < hi) { const mid = (lo + hi) >> 1; if (V[mid].s < t) lo = mid + 1; else hi = mid; } return lo; };
/** A window of some thirty messages around a time. */
function windowAround(t, count = 30) {
  if (V.length === 0) return [0, D.end];
  const mid = firstAt(t);
  let lo = Math.max(0, mid - Math.ceil(count * 0.55)), hi = Math.min(V.length - 1, lo + count);
  lo = Math.max(0, Math.min(lo, hi - count));
  const bursts = V.length <= count * 1.5 ? [0, V.length - 1] : [lo, hi];
  let from = V[bursts[0]].s, to = 0;
  for (let i = bursts[0]; i <= bursts[1]; i++) to = Math.max(to, Math.min(V[i].a, D.end));
  // One message that travels for very long must not squeeze the others.
  if (bursts[1] < V.length - 1) to = Math.min(to, Math.max(V[bursts[1]].s + 1, t) + 2e7);
  from = Math.min(from, t); to = Math.max(to, t);
  const u0 = A.u(from), u1 = A.u(to), pad = Math.max(0.4, (u1 - u0) * 0.025);
  return [A.t(Math.max(0, u0 - pad)), A.t(Math.min(A.end, u1 + pad))];
}
const view = () => { const [a, b] = S.w || (S.w = windowAround(S.t)); const u0 = A.u(a), u1 = Math.max(u0 + 1e-4, A.u(b)); return { u0, u1, k: (W - GUTTER - RIGHT) / (u1 - u0) }; };
const xOf = (t, v) => GUTTER + (A.u(t) - v.u0) * v.k;
const setView = (u0, u1) => {
  const span = Math.min(A.end, Math.max(u1 - u0, 0.05));
  u0 = Math.max(-span * 0.02, Math.min(A.end - span * 0.98, u0));
  S.w = [A.t(u0), A.t(u0 + span)];
};
function reveal(t) {
  const v = view(), u = A.u(t), margin = (v.u1 - v.u0) * 0.08;
  if (u < v.u0 + margin || u > v.u1 - margin) { const span = v.u1 - v.u0; setView(u - span / 2, u + span / 2); }
}

// ---- words --------------------------------------------------------------------------------------------------------
function time(t) {
  const s = Math.floor(t / 1e9), ns = Math.round(t - s * 1e9);
  let d = String(ns).padStart(9, "0").replace(/0+$/, "");
  if (d.length < 3) d = d.padEnd(3, "0");
  return `${s}.${d} s`;
}
const span = (ns) => ns >= 1e9 ? `${+(ns / 1e9).toPrecision(3)} s` : ns >= 1e6 ? `${+(ns / 1e6).toPrecision(3)} ms` : `${+(ns / 1e3).toPrecision(3)} µs`;
const range = (a, b) => a === b ? `${a}` : `${a}–${b}`;
const nameOf = (m) => m.ans ? `${m.kind} answer` : m.kind;
const shortOf = (m) => m.ans ? (m.err || (m.fate === 2 ? `answer lost` : m.label || "ok")) : `${m.kind}${m.label ? " " + m.label : ""}`;
const fateWords = (m) => ["", "late: its connection is gone, nobody reads the answer", m.ans ? "lost with its connection" : "lost: never taken", "still on its way when the run ended"][m.fate];
function txnWords(x) { return `txn ${x.ordinal} of ${lanes[x.lane].name}, ${x.pid < 0 ? "no pid" : `pid ${x.pid} e${x.epoch}`}, ${x.fortune}`; }
const officesAt = (t) => {
  const held = new Map();
  for (const [at, lane, name] of D.offices) { if (at > t) break; held.set(name, lane); }
  return held;
};

// ---- the diagram --------------------------------------------------------------------------------------------------
function draw() {
  const svg = $("svg"), box = $("spacetime");
  W = Math.max(420, box.clientWidth);
  const room = Math.max(120, box.clientHeight - TOP - 8), h = Math.max(38, Math.min(168, room / shown.length)), H = TOP + h * shown.length + 6;
  svg.setAttribute("viewBox", `0 0 ${W} ${H}`); svg.setAttribute("height", H);
  const y = new Map(shown.map((l, i) => [l.i, TOP + h * (i + 0.44)])), v = view(), out = [], [t0, t1] = S.w, clip = (x) => Math.max(GUTTER - 4, Math.min(W + 4, x));
  out.push(defs());
  ticks(out, v, H);
  // lanes
  const held = officesAt(S.t), of = new Map();
  for (const [name, lane] of held) (of.get(lane) || of.set(lane, []).get(lane)).push(name);
  for (const l of shown) {
    const ly = y.get(l.i);
    if (flash && flash.lane === l.i) out.push(`<rect x="0" y="${ly - h * 0.42}" width="${W}" height="${h * 0.9}" fill="${l.color}" opacity=".12"/>`);
    out.push(`<line class="lane" x1="${GUTTER - 6}" x2="${W - 6}" y1="${ly}" y2="${ly}"/>`,
      `<circle cx="20" cy="${ly}" r="4.5" fill="${l.client ? l.color : "none"}" stroke="${l.color}" stroke-width="2"/>`,
      `<text class="name" x="32" y="${ly + (l.client ? 0 : -4)}">${esc(l.name)}</text>`);
    const list = (of.get(l.i) || []).map((n) => n.replace("leader of ", "leads ").replace("coordinator of ", "coord. "));
    if (l.client) out.push(`<text class="office" x="32" y="${ly + 13}">${l.kind}</text>`);
    const lines = list.length > 2 ? [list[0], `+${list.length - 1} more`] : list;
    lines.forEach((text, i) => out.push(`<text class="office" x="32" y="${ly + 9 + i * 12}">${esc(text.length > 17 ? text.slice(0, 16) + "…" : text)}<title>${esc(list.join("\n"))}</title></text>`));
  }
  out.push(`<g clip-path="url(#field)">`);
  // bands
  const boxes = [];
  for (const b of D.bands) {
    if (b.to < t0 || b.from > t1) continue;
    const x1 = clip(xOf(b.from, v)), x2 = clip(xOf(Math.min(b.to, D.end), v));
    let labelled = false;
    for (const l of b.lanes) {
      if (!y.has(l)) continue;
      const by = y.get(l) - h * 0.36, wide = Math.max(2.5, x2 - x1);
      out.push(`<g data-tip="${esc(`${b.words}\n${time(b.from)} to ${time(Math.min(b.to, D.end))}`)}"><rect class="band" x="${x1}" y="${by}" width="${wide}" height="${h * 0.78}" rx="3"/>`,
        `<rect x="${x1}" y="${by}" width="${wide}" height="${h * 0.78}" rx="3" fill="url(#p-${b.kind})" pointer-events="none"/></g>`);
      if (!labelled) {
        const text = b.words.length * 5.8 < wide - 8 || wide < 70 ? b.words : b.kind.replace("_", " ");
        const tx = Math.max(x1, GUTTER) + 5, tw = text.length * 5.8, ty = by + 11;
        if (tx + tw < W && !boxes.some((o) => tx < o[2] && tx + tw > o[0] && ty - 9 < o[3] && ty + 3 > o[1])) {
          out.push(`<text class="bandtext" x="${tx}" y="${ty}">${esc(text)}</text>`);
          boxes.push([tx, ty - 9, tx + tw, ty + 3]); labelled = true;
        }
      }
    }
  }
  // transactions
  D.transactions.forEach((x, i) => {
    const end = x.end == null ? D.end : x.end;
    if (!y.has(x.lane) || end < t0 || x.begin > t1) return;
    const x1 = clip(xOf(x.begin, v)), x2 = Math.max(x1 + 2, clip(xOf(end, v))), by = y.get(x.lane) + 9, color = lanes[x.lane].color;
    const on = S.txn === "" || +S.txn === i;
    out.push(`<g class="txn" data-txn="${i}" opacity="${on ? 1 : 0.25}" data-tip="${esc(txnWords(x))}">`);
    const mid = x.ending == null ? x2 : Math.max(x1, Math.min(x2, clip(xOf(x.ending, v))));
    const solid = x.fortune === "committed", paint = solid ? color : x.fortune === "aborted" ? `url(#h-${x.lane})` : `url(#o-${x.lane})`;
    out.push(`<rect x="${x1}" y="${by}" width="${x2 - x1}" height="14" rx="3" fill="${paint}" stroke="${color}" opacity="${x.ordinal % 2 ? 0.85 : 1}"/>`);
    if (mid < x2 - 1) out.push(`<line x1="${mid}" x2="${mid}" y1="${by}" y2="${by + 14}" stroke="var(--bg)" stroke-width="1.5"/>`);
    const mark = { committed: "✓", aborted: "✗", open: "…" }[x.fortune], next = followers[i] < 0 ? W : clip(xOf(D.transactions[followers[i]].begin, v)), room = Math.min(x2, W, next) - Math.max(x1, GUTTER), text = room > 132 ? `txn ${x.ordinal} · e${x.epoch} ${x.fortune}` : room > 52 ? `txn ${x.ordinal} ${mark}` : room > 15 ? mark : "";
    boxes.push([x1, by + 1, x2, by + 13]);
    if (text) out.push(`<text class="txntext" x="${Math.max(x1, GUTTER) + 5}" y="${by + 10.5}" ${solid ? "" : `style="fill:var(--ink)"`}>${text}</text>`);
    out.push("</g>");
  });
  // messages
  let lo = 0, hi = V.length;
  while (lo < hi) { const mid = (lo + hi) >> 1; if (reach[mid] < t0) lo = mid + 1; else hi = mid; }
  const inside = [];
  for (let i = lo; i < V.length && V[i].s <= t1; i++) if (V[i].a >= t0) inside.push(V[i]);
  if (inside.length > MAX_DRAWN) {
    const paths = new Map(), every = Math.ceil(inside.length / 5000);
    inside.forEach((m, i) => {
      if (i % every && m.fate !== 2 && !m.err) return;
      const color = m.err || m.fate === 2 ? "var(--bad)" : colorOf(m);
      if (!paths.has(color)) paths.set(color, []);
      if (y.has(m.f) && y.has(m.t)) paths.get(color).push(`M${xOf(m.s, v).toFixed(1)} ${y.get(m.f)}L${clip(xOf(m.a, v)).toFixed(1)} ${y.get(m.t)}`);
    });
    for (const [color, d] of paths) out.push(`<path d="${d.join("")}" stroke="${color}" stroke-width=".7" opacity=".5" fill="none"/>`);
  } else {
    for (const m of inside) if (m.i !== S.sel) message(out, m, v, y);
    if (S.sel >= 0 && pick(M[S.sel]) && M[S.sel].a >= t0 && M[S.sel].s <= t1) message(out, M[S.sel], v, y);
    labels(out, inside, v, y, boxes);
  }
  for (const f of D.fences) {
    if (!y.has(f.lane) || f.t < t0 || f.t > t1) continue;
    const x = xOf(f.t, v), fy = y.get(f.lane);
    out.push(`<g data-tip="${esc(`${lanes[f.lane].name} is fenced: ${f.error}\n${time(f.t)}`)}"><rect x="${x - 4}" y="${fy - 17}" width="26" height="34" fill="transparent"/><path class="fence" d="M${x} ${fy + 14}v-24l3-4 3 4v24M${x + 9} ${fy + 14}v-24l3-4 3 4v24M${x - 3} ${fy - 4}h21M${x - 3} ${fy + 6}h21"/></g>`,
      `<text class="fencetext" x="${x + 22}" y="${fy - 10}">fenced</text>`);
  }
  const cx = xOf(S.t, v);
  if (cx >= GUTTER - 2 && cx <= W) out.push(`<line class="cursor" x1="${cx}" x2="${cx}" y1="${TOP - 9}" y2="${H}"/><path d="M${cx - 5} ${TOP - 15}h10l-5 7z" fill="var(--cursor)"/>`);
  out.push("</g>");
  svg.innerHTML = out.join("");
  $("empty").hidden = inside.length > 0;
  if (!inside.length) $("empty").textContent = V.length ? "no such message in this window" : "no message passes the filters";
  svg.dataset.drawn = inside.length;
}
const colorOf = (m) => lanes[m.f].client ? lanes[m.f].color : lanes[m.t].color;
function message(out, m, v, y) {
  if (!y.has(m.f) || !y.has(m.t)) return;
  const x1 = xOf(m.s, v), y1 = y.get(m.f), y2 = y.get(m.t);
  let x2 = xOf(Math.min(m.a, D.end), v), ye = y2, xe = x2;
  const lost = m.fate === 2 || m.fate === 3;
  if (m.f === m.t) {
    out.push(`<g class="m${m.i === S.sel ? " sel" : ""}" data-m="${m.i}"><path class="msg${m.err ? " err" : ""}" stroke="${colorOf(m)}" d="M${x1} ${y1}q${(x2 - x1) / 2} -16 ${x2 - x1} 0"/><path class="hit" d="M${x1} ${y1}q${(x2 - x1) / 2} -16 ${x2 - x1} 0"/></g>`);
    return;
  }
  if (m.fate === 2) { const cut = 0.72; xe = x1 + (x2 - x1) * cut; ye = y1 + (y2 - y1) * cut; }
  const cls = ["msg"]; if (m.ans) cls.push("answer"); if (m.err) cls.push("err"); if (m.fate === 2) cls.push("lost"); if (m.fate === 1) cls.push("late"); if (m.pur >= QUIET) cls.push("quiet");
  const line = `M${x1.toFixed(1)} ${y1.toFixed(1)}L${xe.toFixed(1)} ${ye.toFixed(1)}`, color = m.err || m.fate === 2 ? "var(--bad)" : colorOf(m);
  let tip = "";
  if (m.fate === 2) tip = `<path class="cross" d="M${xe - 4.5} ${ye - 4.5}l9 9m0 -9l-9 9"/>`;
  else if (!lost) {
    const len = Math.hypot(x2 - x1, y2 - y1) || 1, ux = (x2 - x1) / len, uy = (y2 - y1) / len, bx = x2 - ux * 8, by = y2 - uy * 8;
    tip = `<path d="M${x2.toFixed(1)} ${y2.toFixed(1)}L${(bx - uy * 3.4).toFixed(1)} ${(by + ux * 3.4).toFixed(1)}L${(bx + uy * 3.4).toFixed(1)} ${(by - ux * 3.4).toFixed(1)}Z" fill="${color}" ${m.pur >= QUIET ? `opacity=".4"` : ""}/>`;
    if (m.fate === 1) tip += `<circle cx="${(x1 + x2) / 2}" cy="${(y1 + y2) / 2}" r="5" fill="var(--bg)" stroke="${color}" stroke-width="1.5"/><path d="M${(x1 + x2) / 2} ${(y1 + y2) / 2 - 3}v3h2.4" fill="none" stroke="${color}"/>`;
  }
  out.push(`<g class="m${m.i === S.sel ? " sel" : ""}" data-m="${m.i}"><path class="${cls.join(" ")}" stroke="${color}" d="${line}"/>${tip}<path class="hit" d="${line}"/></g>`);
}
function labels(out, inside, v, y, boxes) {
  const list = inside.filter((m) => (m.pur < QUIET || m.i === S.sel) && y.has(m.f) && y.has(m.t)).sort((a, b) => (b.i === S.sel) - (a.i === S.sel) || b.score - a.score || a.i - b.i);
  let left = Math.max(10, Math.round(W / 42));
  for (const m of list) {
    if (!left) break;
    if (m.ans && !m.err && !m.fate && m.i !== S.sel && m.score < 15) continue;
    const text = shortOf(m), cut = text.length > 44 ? text.slice(0, 43) + "…" : text, tw = cut.length * (m.err && m.ans ? 7.9 : m.fate === 2 ? 6.5 : 5.75);
    const x1 = xOf(m.s, v), x2 = xOf(Math.min(m.a, D.end), v), y1 = y.get(m.f), y2 = y.get(m.t);
    for (const at of m.fate === 2 ? [0.45, 0.25, 0.6] : [0.3, 0.5, 0.68, 0.2]) {
      const ly = y1 + (y2 - y1) * at + 3.5, lx = x1 + (x2 - x1) * at;
      for (const [bx, anchor] of [[lx + 6, "start"], [lx - 6 - tw, "end"]]) {
        if (bx < GUTTER || bx + tw > W - 2) continue;
        if (boxes.some((o) => bx < o[2] + 4 && bx + tw > o[0] - 4 && ly - 9 < o[3] && ly + 3 > o[1])) continue;
        boxes.push([bx, ly - 10, bx + tw, ly + 3]);
        out.push(`<text class="lab${m.err ? " err" : ""}${m.fate === 2 ? " lost" : ""}" text-anchor="${anchor}" x="${(lx + (anchor === "start" ? 6 : -6)).toFixed(1)}" y="${ly.toFixed(1)}">${esc(cut)}</text>`);
        left--; m.placed = true;
        break;
      }
      if (m.placed) break;
    }
    m.placed = false;
  }
}
function ticks(out, v, H) {
  let lastEnd = GUTTER - 40;
  for (let x = GUTTER + 20; x < W - 50; x += 28) {
    const u = v.u0 + (x - GUTTER) / v.k, t = A.t(u), dt = Math.max(1000, A.t(u + 55 / v.k) - A.t(u - 55 / v.k));
    const step = Math.pow(10, Math.floor(Math.log10(dt / 2))), snapped = Math.round(t / step) * step, tx = xOf(snapped, v);
    const text = tickTime(snapped, step);
    if (tx < lastEnd + 26 || tx < GUTTER || tx + text.length * 6.2 > W || Math.abs(tx - xOf(S.t, v)) < 7) continue;
    out.push(`<line class="tick" x1="${tx}" x2="${tx}" y1="${TOP - 8}" y2="${H}"/><text class="ticktext" x="${tx + 3}" y="${TOP - 10}">${text}</text>`);
    lastEnd = tx + text.length * 5.8;
  }
  // folds: idle time that is drawn shorter than it was
  if (!S.fold) return;
  for (let i = 1; i < A.T.length; i++) {
    const g = A.T[i] - A.T[i - 1];
    if (g < 5e7 || A.P[i] < v.u0 || A.P[i - 1] > v.u1) continue;
    const x1 = GUTTER + (A.P[i - 1] - v.u0) * v.k, x2 = GUTTER + (A.P[i] - v.u0) * v.k;
    const x = (Math.max(x1, GUTTER) + Math.min(x2, W)) / 2;
    if (Math.min(x2, W) - Math.max(x1, GUTTER) < 40) continue;
    out.push(`<g><path d="M${x - 4} ${H - 16}l4 5l-4 5m5 -10l4 5l-4 5" fill="none" stroke="var(--faint)" stroke-width="1.4"/><text class="fold" text-anchor="middle" x="${x}" y="${H - 20}">${span(g)}</text></g>`);
  }
}
function tickTime(t, step) {
  const d = Math.max(0, Math.min(6, 9 - Math.round(Math.log10(step))));
  return t < 1e9 && step < 1e9 ? `${(t / 1e6).toFixed(Math.max(0, d - 3))} ms` : `${(t / 1e9).toFixed(d)} s`;
}
function defs() {
  const per = lanes.filter((l) => l.client).map((l) => `<pattern id="h-${l.i}" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="var(--bg)"/><rect width="1.6" height="6" fill="${l.color}"/></pattern><pattern id="o-${l.i}" width="6" height="6" patternUnits="userSpaceOnUse"><rect width="6" height="6" fill="var(--bg)"/><circle cx="3" cy="3" r="1.2" fill="${l.color}"/></pattern>`).join("");
  const band = (id, angle, color, w) => `<pattern id="p-${id}" width="8" height="8" patternUnits="userSpaceOnUse" patternTransform="rotate(${angle})"><rect width="${w}" height="8" fill="${color}" opacity=".35"/></pattern>`;
  return `<defs><clipPath id="field"><rect x="${GUTTER - 6}" y="0" width="${W}" height="4000"/></clipPath>${per}${band("crashed", 45, "var(--bad)", 2.5)}${band("power_loss", -45, "var(--bad)", 4)}${band("paused", 90, "var(--warn)", 3)}${band("restarting", 45, "var(--c7)", 2)}${band("partitioned", 0, "var(--c3)", 2)}${band("impaired", -45, "var(--c1)", 1.5)}${band("event", 0, "var(--ink)", 8)}</defs>`;
}

// ---- overview -----------------------------------------------------------------------------------------------------
function overview() {
  const c = $("overview"), w = c.clientWidth, h = 34, r = devicePixelRatio || 1, css = (n) => getComputedStyle(document.documentElement).getPropertyValue(n).trim();
  if (!w) return;
  c.width = w * r; c.height = h * r;
  const g = c.getContext("2d"); g.scale(r, r);
  g.fillStyle = css("--band"); g.fillRect(0, 0, w, h);
  const px = (t) => A.u(t) / A.end * (w - 2) + 1, bins = new Float64Array(w + 1);
  for (const m of V) bins[Math.round(px(m.s))] += 1;
  let max = 1; for (const b of bins) max = Math.max(max, b);
  for (const b of D.bands) { g.fillStyle = css(b.kind === "paused" ? "--warn" : b.kind === "event" ? "--c7" : "--c1"); g.globalAlpha = 0.4; g.fillRect(px(b.from), 0, Math.max(2, px(Math.min(b.to, D.end)) - px(b.from)), 5); }
  g.globalAlpha = 0.75; g.fillStyle = css("--c7");
  bins.forEach((n, i) => { if (n) { const b = 3 + Math.log(1 + n) / Math.log(1 + max) * (h - 12); g.fillRect(i, h - b, 1.2, b); } });
  g.globalAlpha = 1; g.fillStyle = css("--bad");
  for (const x of troubles) g.fillRect(px(x.t) - 1, 5, 2, h - 5);
  const v = view(), a = Math.max(0, v.u0 / A.end * (w - 2)), b = Math.min(w, v.u1 / A.end * (w - 2) + 2);
  g.strokeStyle = css("--ink"); g.lineWidth = 1.5; g.strokeRect(a + 0.75, 0.75, Math.max(4, b - a - 1.5), h - 1.5);
  g.fillStyle = css("--cursor"); g.fillRect(px(S.t) - 1, 0, 2, h);
  c.setAttribute("aria-valuetext", time(S.t));
}

// ---- logs ---------------------------------------------------------------------------------------------------------
function levelAt(s, t) {
  let lo = -1, hi = s.levels.length - 1;
  while (lo < hi) { const mid = (lo + hi + 1) >> 1; if (s.levels[mid][0] <= t) lo = mid; else hi = mid - 1; }
  return lo < 0 ? [0, 0, 0] : s.levels[lo];
}
function drawStrips() {
  const list = strips.filter((s) => (S.part === "" && !s.internal) || (S.internal && s.internal) ? s.batches.length : s.i === +S.part);
  list.sort((a, b) => (b.flaws.length > 0) - (a.flaws.length > 0) || a.i - b.i);
  const few = list.slice(0, 24), wide = Math.max(200, $("strips").clientWidth - 32 - 124 - 16);
  const html = few.map((s) => {
    const [, hw, lso] = levelAt(s, S.t), total = Math.max(1, s.leo), cw = Math.min(26, wide / total), X = (o) => o * cw, out = [];
    const alive = s.batches.filter((b) => b.t <= S.t && (b.gone < 0 || b.gone > S.t)), leo = alive.reduce((m, b) => Math.max(m, b.end), 0), Y = 17, H = 21;
    out.push(`<rect x="0" y="${Y}" width="${X(total)}" height="${H}" rx="3" fill="var(--band)"/>`);
    let lastText = -30;
    const drawn = [];
    for (const b of alive) { // batches that look alike are drawn as one where records are too narrow to tell apart
      const last = drawn[drawn.length - 1], flawed = s.flaws.length < 50 && s.flaws.some((f) => f.first === b.base || f.last + 1 === b.base);
      const same = last && cw * b.n < 3 && !flawed && last.end === b.base && last.look === look(b) && b.kind < 2;
      if (same) { last.end = b.end; last.n += b.n; } else drawn.push({ ...b, look: look(b), first: b });
    }
    for (const b of drawn) {
      const x = X(b.base), w = Math.max(1, X(b.end) - x), color = b.lane >= 0 ? lanes[b.lane].color : "var(--c7)", dim = b.base >= hw ? 0.42 : 1;
      const done = b.decided >= 0 && b.decided <= S.t, cls = b.msg >= 0 ? "rec" : "";
      out.push(`<g class="${cls}" data-rec="${s.i},${b.base}" data-tip="${esc(recordTip(s, b, done))}" opacity="${dim}">`);
      if (b.kind > 1) {
        const c = b.kind === 2 ? "var(--ok)" : "var(--bad)";
        out.push(`<rect x="${x + 0.5}" y="${Y}" width="${Math.max(1, w - 1)}" height="${H}" rx="${Math.min(3, w / 3)}" fill="var(--panel)" stroke="${c}" stroke-width="1.2"/>`);
        if (w > 8) out.push(`<text class="off" x="${x + w / 2}" y="${Y + 15}" style="fill:${c};font-weight:700">${b.kind === 2 ? "✓" : "✗"}</text>`);
      } else {
        const paint = b.kind === 0 || (done && b.commit) ? (s.internal ? "var(--panel)" : color) : done ? `url(#h-${b.lane})` : `url(#o-${b.lane})`;
        if (cw >= 5 && b.n < 400) for (let o = b.base; o < b.end; o++) out.push(`<rect x="${(X(o) + 0.6).toFixed(2)}" y="${Y}" width="${(cw - 1.2).toFixed(2)}" height="${H}" rx="2" fill="${paint}" stroke="${color}" stroke-width=".8"/>`);
        else out.push(`<rect x="${x}" y="${Y}" width="${Math.max(1, w - (w > 3 ? 0.8 : 0))}" height="${H}" fill="${paint}" stroke="${color}" stroke-width=".6"/>`);
      }
      const sign = signOf(b);
      if (sign && w >= sign.length * 6.6) out.push(`<text class="off" x="${x + w / 2}" y="${Y + 15}" style="fill:var(--ink);font-weight:600">${esc(sign)}</text>`);
      out.push("</g>");
      if (x - lastText > 34 && b.kind < 2 && Math.abs(x - X(hw)) > 2) { out.push(`<text class="off" x="${x + Math.min(w, cw) / 2}" y="${Y + H + 11}" style="fill:var(--dim);text-anchor:${x < 8 ? "start" : "middle"}">${b.base}</text>`); lastText = x; }
    }
    let flawEnd = -1;
    for (const f of s.flaws) {
      const b = batchAt(s, f.first);
      if (!b || b.t > S.t || (f.kind === 1 && (b.gone < 0 || b.gone > S.t))) continue;
      const x1 = X(f.first), x2 = Math.max(x1 + 2, X(Math.min(f.last + 1, Math.max(leo, f.first)))), text = f.kind === 0 ? `copies of ${f.os === s.i ? "" : strips[f.os].name + "@"}${range(f.of, f.of + f.last - f.first)}` : FLAWS[f.kind];
      out.push(`<rect x="${x1}" y="${Y - 4}" width="${x2 - x1 - 0.6}" height="3" fill="var(--bad)"/>`);
      if (f.kind === 1) out.push(`<path d="M${x1} ${Y}L${x2} ${Y + H}M${x2} ${Y}L${x1} ${Y + H}" stroke="var(--bad)" stroke-width="1.5" fill="none"/>`);
      if (x1 > flawEnd) { const tw = text.length * 5.7, tx = Math.min(x1, Math.max(0, wide - tw)); if (tx > flawEnd) { out.push(`<text class="mark" x="${tx}" y="${Y - 7}" fill="var(--bad)" style="fill:var(--bad)">${esc(text)}</text>`); flawEnd = tx + tw + 8; } }
      if (f.kind === 0 && f.os === s.i && s.flaws.length <= 6) out.push(`<path d="M${(x1 + x2) / 2} ${Y + H + 2}C${(x1 + x2) / 2} ${Y + H + 19} ${X(f.of + (f.last - f.first + 1) / 2)} ${Y + H + 19} ${X(f.of + (f.last - f.first + 1) / 2)} ${Y + H + 2}" stroke="var(--bad)" stroke-dasharray="3 2" fill="none" opacity=".7"/>`);
    }
    const apart = s.holds ? 0 : Math.abs(X(hw) - X(lso)), flag = (o, label, color, side) => {
      const x = Math.max(1, Math.min(wide - 1, X(o))), end = x > wide - 70 ? "end" : "start";
      out.push(`<line class="lv" stroke="${color}" x1="${x}" x2="${x}" y1="${Y - 3}" y2="${Y + H + 14}"/><text class="lvt" text-anchor="${end}" x="${x + (end === "end" ? -3 : 3)}" y="${Y + H + 22 + side}" style="fill:${color}">${label}</text>`);
    };
    if (s.holds) { /* a table or an account has no watermarks */ }
    else if (apart < 1) flag(hw, `HW = LSO ${num(hw)}`, "var(--ink)", 0);
    else { flag(hw, `HW ${num(hw)}`, "var(--ink)", 0); flag(lso, `LSO ${num(lso)}`, "var(--c3)", apart < 60 ? 11 : 0); }
    const who = D.offices.length ? officesAt(S.t).get(`leader of ${s.name}`) : undefined;
    return `<div class="strip" data-strip="${s.i}"><div class="name">${esc(s.name)}<small>${num(leo)} ${(s.holds || "offsets").replace(leo === 1 ? /s$/ : "", "")}${who === undefined ? "" : `<br>on ${esc(lanes[who].name)}`}</small></div><svg viewBox="0 0 ${wide} ${Y + H + (apart >= 1 && apart < 60 ? 36 : 25)}" role="img" aria-label="${esc(s.holds ? `${s.name}: ${leo} ${s.holds}` : `${s.name}: ${leo} offsets, high watermark ${hw}, last stable offset ${lso}`)}">${out.join("")}</svg></div>`;
  });
  if (list.length > few.length) html.push(`<p>${list.length - few.length} more partitions; choose one above.</p>`);
  $("strips").innerHTML = html.join("");
}
const look = (b) => `${b.kind}:${b.lane}:${b.kind === 1 ? (b.decided >= 0 && b.decided <= S.t ? b.commit : "open") : ""}`;
/** What a record of an internal topic says, in a few letters: the state of a transactional id, an offset, a generation. */
function signOf(b) {
  const m = /: ([A-Z]\w+),|next (\d+)|generation (\d+)/.exec(b.words);
  return !m ? "" : m[1] ? m[1].replace(/[a-z]/g, "") : m[2] || `g${m[3]}`;
}
function recordTip(s, b, done) {
  if (s.internal && b.words) return `${s.name}@${range(b.base, b.end - 1)}\n${b.words}\nappended ${time(b.t)}, leader epoch ${b.le}${b.kind === 0 ? "" : done ? (b.commit ? "\ncommitted" : "\naborted") : "\nits transaction is open"}`;
  const f = b.first || b, writer = b.lane >= 0 ? lanes[b.lane].name : "unknown writer", state = b.kind === 0 ? "" : done ? (b.commit ? "\ncommitted" : "\naborted") : "\nits transaction is open";
  const head = b.kind > 1 ? `${s.name}@${b.base}: ${b.kind === 2 ? "commit" : "abort"} marker` : `${s.name}@${range(b.base, b.end - 1)}: ${num(b.n)} record${b.n > 1 ? "s" : ""} of ${writer}`;
  const flaw = s.flaws.filter((x) => x.first < b.end && x.last >= b.base).slice(0, 2).map((x) => x.kind === 0 ? `\n${range(x.first, x.last)}: copies of ${strips[x.os].name}@${range(x.of, x.of + x.last - x.first)}` : `\n${range(x.first, x.last)}: ${FLAWS[x.kind]}`).join("");
  return `${head}\nappended ${time(b.t)}, leader epoch ${b.le}${f.pid >= 0 ? `\npid ${f.pid} e${f.ep}${f.seq >= 0 ? ` seq ${f.seq}` : ""}` : "\nno producer id"}${b.kind > 1 ? "" : state}${flaw}`;
}

// ---- explanation --------------------------------------------------------------------------------------------------
const linkHtml = (p) => p.link ? `<a class="link" role="button" tabindex="0" data-link='${esc(JSON.stringify(p.link))}'>${esc(p.text)}</a>` : esc(p.text);
const KINDS = {
  "duplicate": (n, one) => `${n} ${one ? "record" : "records"} too many: ${one ? "a copy" : "copies"} of what is there already`,
  "loss": (n, one) => `${n} acknowledged ${one ? "record is" : "records are"} not there`,
  "lost-processing": (n, one) => `${n} input ${one ? "record" : "records"} passed over without output`,
  "aborted-visible": (n, one) => `${n} aborted ${one ? "record was" : "records were"} seen by a reader`,
  "uncommitted-visible": (n, one) => `${n} ${one ? "record was" : "records were"} seen before the commit`,
  "torn-transaction": (n, one) => `${n} ${one ? "transaction is" : "transactions are"} only partly visible`,
  "hanging-transaction": (n, one) => `${n} ${one ? "transaction stays" : "transactions stay"} open`,
  "stalled-lso": (n, one) => `${n} ${one ? "partition holds its" : "partitions hold their"} readers back`,
  "order-violated": (n, one) => `${n} ${one ? "record stands" : "records stand"} in another order than they were sent in`,
  "offsets-without-outputs": (n, one) => `${n} ${one ? "input is" : "inputs are"} committed as done, and what was made of ${one ? "it" : "them"} is not there`,
  "outputs-without-offsets": (n, one) => `${n} ${one ? "output is" : "outputs are"} there, and ${one ? "its input is" : "their inputs are"} not committed as done`,
  "two-values": (n, one) => `${n} ${one ? "offset" : "offsets"} had two different values`,
  "fenced-effect": (n, one) => `${n} ${one ? "time" : "times"} somebody who was fenced still had an effect`,
  "reader-skipped": (n, one) => `${n} ${one ? "record was" : "records were"} passed over by a reader`,
  "reader-backwards": (n, one) => `${n} ${one ? "time" : "times"} a reader was given again what it had been given`,
  "false-failure": (n, one) => `${n} ${one ? "error says" : "errors say"} that nothing happened, and it had`,
  "committed-offset-moved": (n, one) => `${n} committed ${one ? "offset" : "offsets"} moved to where nobody asked for`,
  "state-divergence": (n, one) => `${n} ${one ? "state differs from what its log says" : "states differ from what their logs say"}`,
  "phantom": (n, one) => `${n} ${one ? "record is" : "records are"} there that nobody sent`,
  "row-twice": (n, one) => `${n} ${one ? "row" : "rows"} too many`,
  "row-never": (n, one) => `${n} ${one ? "row is" : "rows are"} missing`,
  "charge-twice": (n, one) => `${n} ${one ? "charge" : "charges"} too many`,
  "charge-never": (n, one) => `${n} ${one ? "charge is" : "charges are"} missing`,
  "row-without-record": (n, one) => `${n} ${one ? "row is" : "rows are"} there that no record announces`,
  "record-without-row": (n, one) => `${n} ${one ? "record announces a row that is" : "records announce rows that are"} not there`,
  "panicked": (n, one) => `a program under test panicked${one ? "" : ` ${n} times`}`,
  "wrong-value": (n, one) => `${n} ${one ? "record has another value" : "records have other values"} than what made ${one ? "it" : "them"} gives`,
  "contradictory-decision": (n, one) => `${n} ${one ? "transaction was" : "transactions were"} decided in two ways`,
  "missing-marker": (n, one) => `${n} ${one ? "marker" : "markers"} of decided transactions ${one ? "is" : "are"} not in the log`,
  "sequence-broken": (n, one) => `${n} ${one ? "batch repeats or skips a sequence of its producer" : "batches repeat or skip sequences of their producers"}`,
  "leader-epoch-back": (n, one) => `${n} ${one ? "batch has" : "batches have"} an older leader epoch than one before`,
  "shared-producer-id": (n, one) => `${n} ${one ? "producer id was" : "producer ids were"} given to two clients`,
  "two-owners": (n, one) => `${n} ${one ? "partition" : "partitions"} with two owners in one generation`,
  "commit-without-effect": (n, one) => `${n} ${one ? "commit was" : "commits were"} confirmed and never took effect`,
  "sink-offset-behind": (n, one) => `${n} ${one ? "offset" : "offsets"} behind the rows that are there`,
  "contradiction": (n, one) => `${n} ${one ? "contradiction" : "contradictions"} in the evidence itself`,
  "epoch-bump-duplicate": (n, one) => `${n} ${one ? "record" : "records"} too many after a producer raised its own epoch`,
  "late-request": (n, one) => `${n} ${one ? "request" : "requests"} came late and ended the next transaction`,
  "unprocessed": (n, one) => `${n} ${one ? "input was" : "inputs were"} neither processed nor skipped on purpose`,
  "unowned": (n, one) => `${n} ${one ? "partition has" : "partitions have"} no owner in ${one ? "its" : "their"} group`,
  "unanswered": (n, one) => `${n} ${one ? "call has" : "calls have"} no outcome`,
  "stuck-run": (n) => `the run itself does not end (${n})`,
};
function explain() {
  const J = D.judgement, wrong = J.findings.filter((f) => !f.allowed), say = (f) => KINDS[f.kind] ? KINDS[f.kind](num(f.count), f.count === 1) : f.words;
  const untested = J.untested || [], vacuous = J.verdict === "vacuous";
  const w = wrong.length ? wrong.map(say).join("; ") + "." : vacuous ? "Nothing wrong was seen, but not all was put to the test." : "What should be there is there once, and nothing else is.";
  const proofs = J.findings.map((f) => (w === `${f.words}.` ? "" : `<h3>${esc(f.words)}${f.allowed ? ", allowed by the promise" : ""}</h3>`) + f.proofs.slice(0, 5).map((p, i) => i === 0 ? `<div class="proof${f.allowed ? " allowed" : ""}">${p.map(linkHtml).join("")}</div>` : "").join("")
    + (f.proofs.length > 1 ? `<details><summary><b>${f.proofs.length - 1} more case${f.proofs.length > 2 ? "s" : ""}</b></summary>${f.proofs.slice(1).map((p) => `<div class="proof">${p.map(linkHtml).join("")}</div>`).join("")}</details>` : "")).join("");
  const cell = (n, bad) => `<td class="${bad && n ? "bad" : ""}">${num(n)}</td>`;
  const accounts = [...J.topics, ...(J.sinks || []).map((s) => ({ ...s, name: `${s.name} (${s.kind})` }))];
  const table = accounts.length ? `<h3>${J.sinks ? "Topics and sinks" : "Topics"}</h3><table><tr><th>topic</th><th>input</th><th>visible</th><th>dupl.</th><th>lost</th><th>leaked</th></tr>${accounts.map((t) => `<tr><td>${esc(t.name)}</td>${cell(t.input)}${cell(t.visible)}${cell(t.duplicates, 1)}${cell(t.lost, 1)}${cell(t.leaked, 1)}</tr>`).join("")}</table>` : "";
  const remark = (head, s) => `<div class="proof warning"><b>${head}:</b> ${esc(s)}</div>`;
  const remarks = untested.map((s) => remark("Not put to the test", s)).join("") + (J.warnings || []).map((s) => remark("Warning", s)).join("");
  $("why").innerHTML = `<p class="sentence">${esc(w)}</p>${vacuous ? remarks : ""}${proofs}${vacuous ? "" : remarks}${table}${J.notes.map((n) => `<p>Note: ${esc(n)}</p>`).join("")}<div class="command"><code id="command">${esc(D.command)}</code><button id="copy" title="Copy the command that runs this again">copy</button></div>`;
  $("copy").onclick = async () => {
    try { await navigator.clipboard.writeText(D.command); } catch { const r = document.createRange(); r.selectNodeContents($("command")); getSelection().removeAllRanges(); getSelection().addRange(r); document.execCommand("copy"); }
    $("copy").textContent = "copied"; setTimeout(() => { $("copy").textContent = "copy"; }, 1500);
  };
  const put = (id, title, html) => { $(id).hidden = !html; $(id).querySelector("summary").innerHTML = title; $(id).querySelector("div").innerHTML = html; };
  put("script", `Script of deviations <b>${D.script.length}</b>`, D.script.length ? `<ol>${D.script.slice(0, 400).map((s) => `<li>${esc(s)}</li>`).join("")}</ol>` : "<p>Nothing deviated from the nominal course.</p>");
  $("script").open = D.script.length > 0 && D.script.length <= 4;
  put("happened", "What happened", happened(J.happened || {}));
  $("happened").open = (J.happened?.faults || []).some((f) => f.amiss) || vacuous;
  put("txns", `Transactions <b>${D.transactions.length}</b>`, D.transactions.slice(0, 400).map((x, i) => `<button class="row" data-gotxn="${i}"><span>${time(x.begin)}</span><span>${esc(txnWords(x))}</span></button>`).join(""));
  put("figures", "Figures", figures());
  const omitted = D.omitted ? `${num(D.omitted)} messages that were left out because there were too many. ` : "";
  $("foot").textContent = `${omitted}${num(M.length)} messages in ${time(D.end)} of virtual time. Digest ${D.digest}. ${D.program}.`;
}
/** The account of the run: what it says is made where the text's is, so that they agree. */
function happened(H) {
  const ROWS = 200, some = (list, line) => list.length ? `<ul>${list.slice(0, ROWS).map(line).join("")}</ul>${list.length > ROWS ? `<p>... and ${num(list.length - ROWS)} more (--json has all)</p>` : ""}` : "";
  const head = (title, html) => html ? `<h3>${title}</h3>${html}` : "";
  const errors = [...(H.errors || []), ...(H.routine || [])];
  const table = errors.length ? `<div class="wide"><table><tr><th>error</th><th>call</th><th>client</th><th>times</th><th>first</th></tr>${errors.slice(0, ROWS).map((e) => `<tr><td>${esc(e.error).replaceAll("_", "_<wbr>")}</td><td>${esc(e.call)}</td><td>${esc(e.client)}</td><td>${num(e.count)}</td><td>${time(e.first)}</td></tr>`).join("")}</table></div>${errors.length > ROWS ? `<p>... and ${num(errors.length - ROWS)} more (--json has all)</p>` : ""}` : "";
  const clients = H.clients || [], reasons = [...(H.reasons || [])].sort((a, b) => !!a.usual - !!b.usual);
  return (H.records ? `<p>${esc(H.records)}</p>` : "")
    + head("Faults", some(H.faults || [], (f) => `<li class="${f.amiss ? "amiss" : ""}">${esc(f.words)}: <b>${esc(f.fate)}</b></li>`) + (H.drawn ? `<p>${esc(H.drawn)}</p>` : ""))
    + head("Errors that clients were told", table)
    + head("Aborts, fencing, offsets", some(reasons, (r) => `<li>${esc(r.words)}</li>`))
    + head("Inputs that were not all processed", some(H.inputs || [], ([name, words]) => `<li><b>${esc(name)}</b>: ${esc(words)}</li>`))
    + head("Clients", some(clients, ([name, words]) => `<li><b>${esc(name)}</b>: ${esc(words)}</li>`));
}
const FIGURES = [["committed", "transactions committed"], ["aborted", "transactions aborted"], ["commit_p50_ns", "time to commit, p50"], ["commit_p99_ns", "time to commit, p99"], ["largest_lso_lag", "largest LSO lag, offsets"], ["fenced", "producers fenced"], ["retries", "batches sent again"], ["absorbed", "duplicates absorbed by brokers"], ["rebalances", "rebalances"], ["replayed", "records read again"], ["leader_moves", "leaderships moved"], ["coordinator_moves", "coordinator partitions moved"]];
function figures() {
  const F = D.figures, show = (k, v) => k.endsWith("_ns") ? span(v) : num(v);
  const rows = FIGURES.filter(([k]) => F.total[k] != null).map(([k, words]) => {
    const per = F.nodes.filter((n) => n[k]).map((n) => `${esc(n.name)} ${show(k, n[k])}`).join(" · ");
    return `<tr><td>${words}${per && F.total[k] ? `<br><small style="color:var(--dim)">${per}</small>` : ""}</td><td>${show(k, F.total[k])}</td></tr>`;
  });
  return `<table>${rows.join("")}</table>`;
}
function describe() {
  const m = M[S.sel];
  if (!m) { $("now").innerHTML = `<h2>${time(S.t)}</h2><p style="color:var(--dim)">Step with ← and →, or click a message, a transaction or a record.</p>`; return; }
  const other = m.ans ? m.req : m.answer, o = M[other];
  $("now").innerHTML = `<h2>${esc(nameOf(m))} ${m.fate ? `<span class="badge">${FATES[m.fate]}</span>` : ""} ${m.err ? `<span class="badge">${esc(m.err)}</span>` : ""}</h2><dl><dt>from</dt><dd>${esc(lanes[m.f].name)}, ${time(m.s)}</dd><dt>to</dt><dd>${esc(lanes[m.t].name)}, ${m.fate < 2 ? `${time(m.a)} (${span(m.a - m.s)})` : fateWords(m)}</dd>${m.fate === 1 ? `<dt></dt><dd>${fateWords(m)}</dd>` : ""}${m.pid >= 0 ? `<dt>producer</dt><dd>pid ${m.pid}, epoch ${m.ep}</dd>` : ""}</dl>${m.detail && m.detail !== m.err ? `<pre>${esc(m.detail)}</pre>` : ""}${o ? `<a class="link" role="button" tabindex="0" data-go="${other}">${m.ans ? "its request" : `its answer${o.err ? ": " + esc(o.err) : o.fate === 2 ? ", lost" : ""}`}</a>` : m.ans ? "" : "<small>It was never answered.</small>"}`;
}
const rowHtml = (m) => `<button class="row" data-go="${m.i}" aria-current="${m.i === S.sel}"><span>${time(m.s).replace(" s", "")}</span><span>${esc(lanes[m.f].name)} → ${esc(lanes[m.t].name)} ${esc(m.ans ? nameOf(m) + (m.err ? " " + m.err : m.label ? " " + m.label : "") : shortOf(m))}${m.fate ? ` <span class="badge">${FATES[m.fate]}</span>` : ""}</span></button>`;
function around() {
  if (!$("events").open) return;
  const mid = S.sel >= 0 && pick(M[S.sel]) ? V.indexOf(M[S.sel]) : firstAt(S.t), lo = Math.max(0, mid - 15);
  $("events").querySelector("div").innerHTML = V.slice(lo, lo + 40).map(rowHtml).join("");
}
function search() {
  const q = S.q.trim().toLowerCase(), words = q.split(/\s+/);
  hits = []; hitAt = -1;
  if (q) for (const m of M) {
    const text = `${lanes[m.f].name} ${lanes[m.t].name} ${nameOf(m)} ${m.label} ${m.err} ${m.detail} ${FATES[m.fate]}${m.pid >= 0 ? ` pid ${m.pid} e${m.ep}` : ""}`.toLowerCase();
    if (words.every((w) => text.includes(w))) hits.push(m.i);
  }
  $("found").hidden = !q;
  $("found").querySelector("summary").innerHTML = `Search <b>${num(hits.length)} found</b>`;
  $("found").querySelector("div").innerHTML = hits.slice(0, 200).map((i) => rowHtml(M[i])).join("");
}

// ---- moving -------------------------------------------------------------------------------------------------------
function select(i, keepView) {
  const m = M[i];
  if (!m) return;
  if (!pick(m)) { S.pur.add(m.pur); for (const k of ["node", "part", "txn", "kind"]) if (!pick(m)) S[k] = ""; filters(); refilter(); }
  S.sel = i; S.t = Math.min(m.a, D.end);
  if (!keepView) { reveal(m.s); reveal(S.t); }
  render();
  requestAnimationFrame(() => { const g = document.querySelector("g.m.sel .hit"), box = $("spacetime").getBoundingClientRect(); if (!g) return; const r = g.getBoundingClientRect(), st = $("spacetime"); if (r.top < box.top + 20) st.scrollTop -= box.top + 40 - r.top; else if (r.bottom > box.bottom - 10) st.scrollTop += Math.min(r.bottom - box.bottom + 30, r.top - box.top - 30); });
}
function moveTo(t) { S.t = Math.max(0, Math.min(D.end, t)); S.sel = -1; reveal(S.t); render(); }
function stepBy(n) {
  if (!V.length) return;
  let i = S.sel >= 0 ? V.indexOf(M[S.sel]) : -1;
  if (i < 0) { i = firstAt(S.t); if (n > 0) i -= 1; }
  select(V[Math.max(0, Math.min(V.length - 1, i + n))].i);
}
const stepTime = (d) => moveTo(S.t + d);
let troubleAt = -1;
function nextTrouble() {
  if (!troubles.length) return;
  troubleAt = (troubleAt + 1) % troubles.length;
  const x = troubles[troubleAt];
  if (x.msg >= 0) { select(x.msg, true); S.t = x.t; } else { S.t = x.t; S.sel = -1; }
  S.w = windowAround(S.t); render();
}
function follow(link) {
  if (link.record) {
    const [si, offset] = link.record, s = strips[si], b = batchAt(s, offset);
    if (S.part !== "" && +S.part !== si) { S.part = ""; filters(); refilter(); }
    if (!b) return;
    if (b.msg >= 0) select(b.msg, true); else S.sel = -1;
    S.t = b.t; S.w = windowAround(b.t); render();
    const row = document.querySelector(`[data-strip="${si}"]`);
    if (row) row.scrollIntoView({ block: "nearest" });
  } else if (link.lane !== undefined) {
    flash = { lane: link.lane };
    if (!shown.some((l) => l.i === link.lane)) { S.node = ""; filters(); refilter(); }
    const near = V.filter((m) => m.f === link.lane || m.t === link.lane).reduce((best, m) => !best || Math.abs(m.s - S.t) < Math.abs(best.s - S.t) ? m : best, null);
    if (near) { select(near.i, true); S.w = windowAround(near.s); }
    render();
  } else { S.t = Math.min(D.end, link.time); S.sel = -1; S.w = windowAround(S.t); render(); }
}
function zoom(factor, at) {
  const v = view(), u = at === undefined ? Math.max(v.u0, Math.min(v.u1, A.u(S.t))) : at, a = u - (u - v.u0) * factor, b = u + (v.u1 - u) * factor;
  setView(a, b); render();
}

// ---- filters ------------------------------------------------------------------------------------------------------
function filters() {
  const count = PURPOSES.map(() => 0), kinds = new Map();
  for (const m of M) { count[m.pur]++; kinds.set(m.kind, (kinds.get(m.kind) || 0) + 1); }
  const chip = PURPOSES.map((p, i) => count[i] ? `<button class="chip" data-pur="${i}" aria-pressed="${S.pur.has(i)}">${p}<i>${num(count[i])}</i></button>` : "").join("");
  const select = (id, all, list) => list.length < 2 && !S[id] ? "" : `<select id="f-${id}" data-filter="${id}" aria-label="${all}"><option value="">${all}</option>${list.map(([v, t]) => `<option value="${esc(v)}" ${String(S[id]) === String(v) ? "selected" : ""}>${esc(t)}</option>`).join("")}</select>`;
  $("filters").innerHTML = chip + select("node", "all nodes", lanes.map((l) => [l.i, l.name]))
    + select("part", "all partitions", strips.filter((s) => s.batches.length && !s.internal).map((s) => [s.i, s.name]))
    + select("txn", "all transactions", D.transactions.slice(0, 500).map((x, i) => [i, `txn ${x.ordinal} of ${lanes[x.lane].name}${x.incarnation ? ` (run ${x.incarnation + 1})` : ""}`]))
    + select("kind", "all kinds", [...kinds.keys()].sort().map((k) => [k, k]))
    + (strips.some((s) => s.internal) ? `<button class="chip" data-internal aria-pressed="${S.internal}" title="The logs of Kafka's own topics: states of transactions, offsets of groups">internal topics</button>` : "")
    + `<input id="q" type="search" placeholder="search  /" aria-label="Search messages" value="${esc(S.q)}">`;
}
$("filters").addEventListener("click", (e) => {
  if (e.target.closest("[data-internal]")) { S.internal = !S.internal; filters(); render(); $("filters").querySelector("[data-internal]").focus(); return; }
  const b = e.target.closest("[data-pur]");
  if (!b) return;
  const p = +b.dataset.pur;
  if (S.pur.has(p)) S.pur.delete(p); else S.pur.add(p);
  filters(); refilter(); render(); $("filters").querySelector(`[data-pur="${p}"]`).focus();
});
$("filters").addEventListener("change", (e) => {
  const k = e.target.dataset.filter;
  if (!k) return;
  S[k] = e.target.value;
  refilter();
  if (k === "txn" && S.txn !== "") { S.t = D.transactions[+S.txn].begin; S.sel = -1; }
  if (V.length && !V.some((m) => m.s <= S.w?.[1] && m.a >= S.w?.[0])) S.t = V[0].s;
  if (S.w) { const [a, b] = S.w; if (!V.some((m) => m.s <= b && m.a >= a)) S.w = null; }
  if (k === "txn") S.w = null;
  render();
});
$("filters").addEventListener("input", (e) => { if (e.target.id === "q") { S.q = e.target.value; search(); hash(); } });
$("filters").addEventListener("keydown", (e) => {
  if (e.target.id !== "q") return;
  if (e.key === "Enter" && hits.length) { hitAt = (hitAt + (e.shiftKey ? hits.length - 1 : 1)) % hits.length; const q = S.q; select(hits[hitAt]); S.q = q; $("q").focus(); }
  if (e.key === "Escape") { S.q = ""; e.target.value = ""; search(); e.target.blur(); hash(); }
});

// ---- address ------------------------------------------------------------------------------------------------------
let hashTimer = 0;
function hash() {
  clearTimeout(hashTimer);
  hashTimer = setTimeout(() => {
    const p = new URLSearchParams();
    p.set("t", Math.round(S.t)); if (S.w) p.set("w", S.w.map(Math.round).join("-")); if (S.sel >= 0) p.set("e", S.sel);
    const pur = [...S.pur].sort().join(""); if (pur !== ESSENTIAL.join("")) p.set("p", pur || "-");
    for (const k of ["node", "part", "txn", "kind", "q"]) if (S[k] !== "") p.set(k, S[k]);
    if (S.internal) p.set("internal", "1");
    if (!S.fold) p.set("axis", "true"); if (S.theme) p.set("theme", S.theme);
    written = "#" + p;
    if (embedded) parent.postMessage({ fencepost: "moved", t: S.t, told: S.t === told, fragment: String(p) }, "*");
    else history.replaceState(null, "", written);
  }, 60);
}
let written = "";
/** Two runs side by side are two of these pages in the frames of a third: then the address is that one's, and it moves both. */
const embedded = parent !== window;
let told = -1, place = "";
const fragment = () => (embedded && place) || location.hash.slice(1);
if (embedded) {
  document.documentElement.classList.add("embedded");
  addEventListener("message", (e) => {
    if (e.source !== parent || !e.data) return;
    if (e.data.fencepost === "place") { place = e.data.fragment; readHash(); told = S.t; }
    if (e.data.fencepost === "go") { moveTo(e.data.t); told = S.t; }
    if (e.data.fencepost === "theme") { S.theme = e.data.theme; theme(); render(); }
  });
}
function readHash() {
  const p = new URLSearchParams(fragment());
  const n = (k) => p.has(k) && Number.isFinite(+p.get(k)) ? +p.get(k) : null;
  S.t = Math.max(0, Math.min(D.end, n("t") ?? D.focus));
  S.sel = M[n("e")] ? n("e") : -1;
  if (p.has("e") && !p.has("t") && S.sel >= 0) S.t = M[S.sel].a;
  S.pur = new Set(p.has("p") ? [...p.get("p")].map(Number).filter((x) => x >= 0 && x < PURPOSES.length) : ESSENTIAL);
  for (const k of ["node", "part", "txn", "kind", "q"]) S[k] = p.get(k) || "";
  if (S.txn !== "" && !D.transactions[+S.txn]) S.txn = "";
  if (S.node !== "" && !lanes[+S.node]) S.node = "";
  if (S.part !== "" && !strips[+S.part]) S.part = "";
  S.internal = p.get("internal") === "1"; S.fold = p.get("axis") !== "true"; S.theme = ["dark", "light"].includes(p.get("theme")) ? p.get("theme") : "";
  if (S.sel >= 0) S.pur.add(M[S.sel].pur);
  theme();
  filters(); A = null; refilter();
  const w = (p.get("w") || "").split("-").map(Number);
  S.w = w.length === 2 && w[1] > w[0] ? w : null;
  search(); render();
}
function theme() {
  const dark = S.theme ? S.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.documentElement.style.colorScheme = dark ? "dark" : "light";
}

// ---- pointer and keys ---------------------------------------------------------------------------------------------
const stage = $("spacetime");
let drag = null;
stage.addEventListener("wheel", (e) => {
  if (e.altKey) return;
  const tall = stage.scrollHeight > stage.clientHeight + 2;
  if (tall && !e.ctrlKey && !e.shiftKey && Math.abs(e.deltaY) > Math.abs(e.deltaX)) { if (e.offsetX < GUTTER) return; }
  e.preventDefault();
  const v = view(), sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey;
  if (sideways) { const d = (e.deltaX || e.deltaY) / v.k; setView(v.u0 + d, v.u1 + d); render(); }
  else zoom(Math.exp(Math.max(-0.5, Math.min(0.5, e.deltaY * 0.0022))), v.u0 + (e.clientX - stage.getBoundingClientRect().left - GUTTER) / v.k);
}, { passive: false });
stage.addEventListener("pointerdown", (e) => { if (e.button === 0) drag = { x: e.clientX, v: view(), moved: false, id: e.pointerId }; });
stage.addEventListener("pointermove", (e) => {
  if (!drag) return;
  const d = e.clientX - drag.x;
  if (!drag.moved && Math.abs(d) > 4) { drag.moved = true; stage.setPointerCapture(drag.id); stage.classList.add("drag"); }
  if (drag.moved) { setView(drag.v.u0 - d / drag.v.k, drag.v.u1 - d / drag.v.k); render(); }
});
const drop = (e) => {
  if (!drag) return;
  const { moved } = drag; drag = null; stage.classList.remove("drag");
  if (moved || e.type === "pointercancel") return;
  const m = e.target.closest("[data-m]"), x = e.target.closest("[data-txn]");
  if (m) select(+m.dataset.m, true);
  else if (x) goTxn(+x.dataset.txn);
  else { const r = stage.getBoundingClientRect(), v = view(), px = e.clientX - r.left; if (px > GUTTER) { S.t = Math.max(0, Math.min(D.end, A.t(v.u0 + (px - GUTTER) / v.k))); S.sel = -1; render(); } }
};
stage.addEventListener("pointerup", drop); stage.addEventListener("pointercancel", drop);
function goTxn(i) { const x = D.transactions[i]; S.t = x.begin; S.sel = -1; reveal(S.t); render(); $("now").innerHTML = `<h2>${esc(txnWords(x))}</h2><dl><dt>began</dt><dd>${time(x.begin)}</dd>${x.ending == null ? "" : `<dt>end asked</dt><dd>${time(x.ending)}</dd>`}<dt>over</dt><dd>${x.end == null ? "never" : `${time(x.end)} (${span(x.end - x.begin)})`}</dd></dl><a class="link" role="button" tabindex="0" data-only="${i}">only its messages</a>`; }
$("overview").addEventListener("pointerdown", (e) => {
  const go = (ev) => { const r = $("overview").getBoundingClientRect(), u = Math.max(0, Math.min(1, (ev.clientX - r.left) / r.width)) * A.end, v = view(), s = v.u1 - v.u0; S.t = A.t(u); S.sel = -1; setView(u - s / 2, u + s / 2); render(); };
  go(e); $("overview").setPointerCapture(e.pointerId);
  const end = () => { $("overview").removeEventListener("pointermove", go); removeEventListener("pointerup", end); };
  $("overview").addEventListener("pointermove", go); addEventListener("pointerup", end);
});
function activate(e) {
  const l = e.target.closest("[data-link]"), g = e.target.closest("[data-go]"), x = e.target.closest("[data-gotxn]"), r = e.target.closest("[data-rec]"), only = e.target.closest("[data-only]");
  if (l) follow(JSON.parse(l.dataset.link));
  else if (only) { S.txn = only.dataset.only; filters(); refilter(); S.w = null; render(); }
  else if (g) select(+g.dataset.go);
  else if (x) goTxn(+x.dataset.gotxn);
  else if (r) { const [si, o] = r.dataset.rec.split(",").map(Number), b = batchAt(strips[si], o); if (b && b.msg >= 0) select(b.msg); else if (b) moveTo(b.t); }
  else return false;
  return true;
}
$("side").addEventListener("click", activate); $("strips").addEventListener("click", activate);
$("side").addEventListener("keydown", (e) => { if ((e.key === "Enter" || e.key === " ") && e.target.matches("a.link")) { e.preventDefault(); activate(e); } });
$("events").addEventListener("toggle", around);
function tipFor(e) {
  const m = e.target.closest?.("[data-m]"), d = e.target.closest?.("[data-tip]"), tip = $("tip");
  if (drag?.moved || (!m && !d)) { tip.hidden = true; return; }
  if (m) { const x = M[+m.dataset.m]; tip.innerHTML = `<b>${esc(nameOf(x))}${x.err ? ` · ${esc(x.err)}` : ""}</b>${esc(lanes[x.f].name)} → ${esc(lanes[x.t].name)}\n${time(x.s)}${x.fate < 2 ? ` → ${time(x.a)}` : ""}${x.fate ? `\n${fateWords(x)}` : ""}${x.detail && x.detail !== x.err ? `\n<span class="m">${esc(x.detail)}</span>` : ""}`; }
  else { const [head, ...rest] = d.dataset.tip.split("\n"); tip.innerHTML = `<b>${esc(head)}</b>${esc(rest.join("\n"))}`; }
  tip.hidden = false;
  const r = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(6, Math.min(innerWidth - r.width - 8, e.clientX + 14))}px`;
  tip.style.top = `${e.clientY + 18 + r.height > innerHeight ? Math.max(6, e.clientY - r.height - 12) : e.clientY + 18}px`;
}
document.addEventListener("pointermove", tipFor); document.addEventListener("pointerleave", () => { $("tip").hidden = true; });
const KEYS = [["← →", "previous, next message (Shift: ten)"], ["[ ]", "1 ms back, on (Shift: 10 ms; Alt: 1 s)"], ["Home End", "start, end"], ["g", "next place where something went wrong"], ["+ −", "zoom; so does the wheel"], [", .", "move the window"], ["f", "all of it"], ["t", "fold idle time, or draw to scale"], ["/", "search; Enter for the next"], ["r", "from a request to its answer and back"], ["d", "dark or light"], ["Esc", "clear filters"], ["?", "this"]];
const actions = {
  ArrowLeft: (e) => stepBy(e.shiftKey ? -10 : -1), ArrowRight: (e) => stepBy(e.shiftKey ? 10 : 1),
  "[": () => stepTime(-1e6), "]": () => stepTime(1e6), "{": () => stepTime(-1e7), "}": () => stepTime(1e7),
  Home: () => { S.sel = -1; moveTo(0); }, End: () => moveTo(D.end), g: nextTrouble, "+": () => zoom(0.7), "=": () => zoom(0.7), "-": () => zoom(1 / 0.7),
  ",": () => { const v = view(), d = (v.u1 - v.u0) / 4; setView(v.u0 - d, v.u1 - d); render(); }, ".": () => { const v = view(), d = (v.u1 - v.u0) / 4; setView(v.u0 + d, v.u1 + d); render(); },
  f: () => { setView(0, A.end); render(); }, t: () => { const [a, b] = S.w; S.fold = !S.fold; refilter(); S.w = [a, b]; render(); },
  "/": (e) => { e.preventDefault(); $("q").focus(); $("q").select(); }, r: () => { const m = M[S.sel]; if (m) { const o = m.ans ? m.req : m.answer; if (o >= 0) select(o); } },
  d: () => { S.theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark"; theme(); render(); },
  Escape: () => { if ($("keys").open) return; for (const k of ["node", "part", "txn", "kind"]) S[k] = ""; S.pur = new Set(ESSENTIAL); flash = null; filters(); refilter(); render(); },
  "?": () => $("keys").showModal(),
};
document.addEventListener("keydown", (e) => {
  if (e.target.matches("input, select, textarea") || e.ctrlKey || e.metaKey) return;
  if (e.altKey && (e.key === "[" || e.key === "]")) { moveTo(S.t + (e.key === "]" ? 1e9 : -1e9)); return; }
  const act = actions[e.key];
  if (act && !e.altKey) { if (e.key.startsWith("Arrow") || e.key === "Home" || e.key === "End") e.preventDefault(); act(e); }
});
const on = (id, act) => { $(id).onclick = act; };
on("first", () => actions.Home()); on("prev", () => stepBy(-1)); on("next", () => stepBy(1)); on("last", () => actions.End());
on("back", () => stepTime(-1e6)); on("forth", () => stepTime(1e6)); on("trouble", nextTrouble); on("axis", () => actions.t());
on("in", () => zoom(0.7)); on("out", () => zoom(1 / 0.7)); on("fit", () => actions.f()); on("theme", () => actions.d()); on("help", () => actions["?"]());
$("keys").innerHTML = `<h2>Keys</h2><dl>${KEYS.map(([k, w]) => `<dt>${k.split(" ").map((x) => `<kbd>${esc(x)}</kbd>`).join(" ")}</dt><dd>${esc(w)}</dd>`).join("")}</dl><p>Solid arrows are requests, dashed ones answers; a cross is where one was lost, a clock marks one that came late, from a connection that is gone. Records: solid is committed or outside transactions, dotted is open, hatched is aborted, pale is not yet below the high watermark.</p><form method="dialog"><button>close</button></form>`;
addEventListener("hashchange", () => { if (location.hash !== written) readHash(); });
let queued = 0;
function render() {
  if (queued) return;
  queued = requestAnimationFrame(() => { queued = 0; paint(); });
}
function paint() {
  drawStrips(); draw(); overview(); describe(); around();
  $("clock").textContent = time(S.t);
  $("axis").setAttribute("aria-pressed", S.fold);
  $("trouble").disabled = !troubles.length;
  hash();
}
$("title").textContent = D.title;
$("label").textContent = `${D.label} · seed ${D.seed}`;
$("verdict").textContent = D.judgement.verdict;
$("verdict").className = D.judgement.verdict;
explain();
new ResizeObserver(() => render()).observe(stage);
addEventListener("beforeprint", paint);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { theme(); render(); });
readHash();
if (S.sel < 0 && !new URLSearchParams(fragment()).has("t")) {
  const at = troubles.find((x) => x.t === D.focus && x.msg >= 0), told = M.find((m) => m.a === D.focus && m.pur < QUIET);
  if (at) { S.sel = at.msg; S.t = at.t; } else if (told) S.sel = told.i;
}
// for tests, and for those who look at a run with the console
window.story = { D, M, S, strips, troubles };
})();
