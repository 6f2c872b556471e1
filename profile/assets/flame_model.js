// The data of a flame graph, apart from how it is drawn. Data format: profile/html.h.
"use strict";
var StokerModel = (() => {
  // A tree in pre-order with an "all" node at 0. Columns are arrays over nodes: frame (-1 for node 0), depth, parent,
  // end (one past the subtree), and for the chosen value type self, total and start (position on the value axis).
  function tree(frame, depth) {
    const n = frame.length;
    const t = {frame, depth, parent: new Int32Array(n), end: new Uint32Array(n), size: n};
    const path = [];
    for (let i = 0; i < n; i++) {
      while (path.length > depth[i]) t.end[path.pop()] = i;
      t.parent[i] = path.length ? path[path.length - 1] : -1;
      path.push(i);
    }
    while (path.length) t.end[path.pop()] = n;
    return t;
  }

  function selfColumns(data) {
    const columns = [];
    for (const column of data.nodes.self) {
      columns.push(Array.isArray(column) ? Float64Array.from(column)
        : Float64Array.from(columns[column.of], (v) => v * column.times));
    }
    return columns;
  }

  // Adds the "all" node above the nodes as they are in the data.
  function plain(data, columns) {
    const n = data.nodes.frame.length;
    const frame = new Int32Array(n + 1), depth = new Uint32Array(n + 1);
    frame[0] = -1;
    for (let i = 0; i < n; i++) {
      frame[i + 1] = data.nodes.frame[i];
      depth[i + 1] = data.nodes.depth[i] + 1;
    }
    const t = tree(frame, depth);
    t.selfs = columns.map((c) => { const s = new Float64Array(n + 1); s.set(c, 1); return s; });
    return t;
  }

  // The trees below the nodes of depth 1 (the processes), merged by name.
  function merged(source, names) {
    const kids = [new Map()], frames = [-1], selfs = source.selfs.map(() => [0]);
    const image = new Int32Array(source.size);
    for (let i = 1; i < source.size; i++) {
      let to = 0;
      if (source.depth[i] > 1) {
        const parent = image[source.parent[i]], frame = source.frame[i];
        to = kids[parent].get(frame);
        if (to === undefined) {
          to = frames.length;
          kids[parent].set(frame, to);
          kids.push(new Map());
          frames.push(frame);
          for (const s of selfs) s.push(0);
        }
      }
      image[i] = to;
      for (let k = 0; k < selfs.length; k++) selfs[k][to] += source.selfs[k][i];
    }
    const frame = new Int32Array(frames.length), depth = new Uint32Array(frames.length);
    const order = new Uint32Array(frames.length), open = [[0, 0]];
    for (let at = 0; open.length; at++) {
      const [node, level] = open.pop();
      order[at] = node; frame[at] = frames[node]; depth[at] = level;
      const children = [...kids[node].keys()].sort((a, b) => (names(a) < names(b) ? 1 : names(a) > names(b) ? -1 : 0));
      for (const child of children) open.push([kids[node].get(child), level + 1]);
    }
    const t = tree(frame, depth);
    t.selfs = selfs.map((s) => Float64Array.from(order, (node) => s[node]));
    return t;
  }

  // Fills total and start for value type k.
  function measure(t, k) {
    const self = t.selfs[k], total = Float64Array.from(self), start = new Float64Array(t.size);
    for (let i = t.size - 1; i > 0; i--) total[t.parent[i]] += total[i];
    const next = new Float64Array(t.size);
    for (let i = 1; i < t.size; i++) {
      const p = t.parent[i];
      start[i] = start[p] + next[p];
      next[p] += total[i];
    }
    Object.assign(t, {self, total, start});
    return t;
  }

  // "12.35 s", "1.5 MB", "97".
  function format(value, unit) {
    const times = {nanoseconds: 1, microseconds: 1e3, milliseconds: 1e6, seconds: 1e9};
    const scale = (v, steps) => {
      const step = steps.find((s) => Math.abs(v) >= s[0]) || steps[steps.length - 1];
      return `${+(v / step[0]).toFixed(2)} ${step[1]}`;
    };
    if (times[unit]) return scale(value * times[unit], [[3.6e12, "h"], [6e10, "min"], [1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]]);
    if (unit === "bytes") return scale(value, [[2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [1024, "KiB"], [1, "B"]]);
    return value.toLocaleString("en-US") + (unit && unit !== "count" ? " " + unit : "");
  }

  function percent(part, whole) {
    const p = whole ? 100 * part / whole : 0;
    return `${p >= 99.95 ? "100" : p >= 1 || p === 0 ? p.toFixed(1) : p.toPrecision(2)}%`;
  }

  // A predicate over names: text anywhere, in any case, or a regular expression between slashes. Null: not valid.
  function matcher(query) {
    const regex = query.match(/^\/(.+?)\/?$/);
    if (regex) {
      try {
        const r = new RegExp(regex[1], "i");
        return (name) => r.test(name);
      } catch (e) {
        return null;
      }
    }
    const text = query.toLowerCase();
    return (name) => name.toLowerCase().includes(text);
  }

  class Model {
    constructor(data) {
      this.data = data;
      this.columns = selfColumns(data);
      this.type = data.default;
      this.trees = {};
      this.setGrouping(data.byProcess);
    }
    name(frame) { return frame < 0 ? "all" : this.data.strings[this.data.frames.name[frame]]; }
    file(frame) { return frame < 0 ? "" : this.data.strings[this.data.frames.file[frame]]; }
    line(frame) { return frame < 0 ? 0 : this.data.frames.line[frame]; }
    module(frame) { return frame < 0 ? "" : this.data.strings[this.data.frames.module[frame]]; }
    kind(frame) { return frame < 0 ? -1 : this.data.frames.kind[frame]; }
    get unit() { return this.data.types.length ? this.data.types[this.type].unit : ""; }

    setGrouping(byProcess) {
      this.byProcess = byProcess && this.data.byProcess;
      const full = this.trees.full || (this.trees.full = plain(this.data, this.columns));
      this.tree = full;
      if (this.data.byProcess && !this.byProcess) {
        this.tree = this.trees.merged || (this.trees.merged = merged(full, (f) => this.name(f)));
      }
      this.setType(this.type);
    }
    setType(type) {
      this.type = type;
      if (this.columns.length) measure(this.tree, type);
    }

    // Marks frames by name. Gives {frames: how many names, nodes, value: what is at or below any of them}.
    search(query) {
      this.match = null;
      if (!query) return null;
      const test = matcher(query);
      if (!test) return {invalid: true, frames: 0, nodes: 0, value: 0};
      const count = this.data.frames.name.length, match = new Uint8Array(count);
      let frames = 0;
      for (let f = 0; f < count; f++) frames += match[f] = test(this.name(f)) ? 1 : 0;
      this.match = match;
      return {frames, ...this.covered(0)};
    }
    covered(root) {
      const t = this.tree;
      let nodes = 0, value = 0, inside = 0;
      for (let i = root; i < t.end[root]; i++) {
        if (t.frame[i] < 0 || !this.match[t.frame[i]]) continue;
        nodes++;
        if (i >= inside) { value += t.total[i]; inside = t.end[i]; }
      }
      return {nodes, value};
    }

    // Rows {frame, self, total} below root; total counts a recursive function once.
    functions(root) {
      const t = this.tree, rows = new Map(), closes = new Map();
      for (let i = root; i < t.end[root]; i++) {
        const f = t.frame[i];
        if (f < 0 || this.kind(f) === 4) continue;
        let row = rows.get(f);
        if (!row) rows.set(f, row = {frame: f, self: 0, total: 0});
        row.self += t.self[i];
        if (i >= (closes.get(f) || 0)) { row.total += t.total[i]; closes.set(f, t.end[i]); }
      }
      return [...rows.values()];
    }
  }
  return {Model, format, percent};
})();
