// The flame graph page: StokerFlame.mount(element, data) draws data (format: profile/html.h) into element and gives a
// controller with update(data) and state(). Text reaches the page through textContent and canvas only.
"use strict";
var StokerFlame = (() => {
  const {Model, format, percent} = StokerModel;
  const LEAST = 0.4;  // pixels; narrower frames are not drawn
  const ROW = 19, PAD = 4, FONT = "12px ui-monospace, Menlo, Consolas, monospace";
  const KINDS = ["native", "kernel", "runtime", "marker", "process"];
  const LABELS = ["Native", "Kernel", "Runtime", "Marker", "Process"];

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else if (value !== null && value !== false) node.setAttribute(key, value);
    }
    node.append(...children);
    return node;
  }

  // Spreads names over shades of their kind, the same on each day and page.
  function shade(name) {
    let h = 2166136261;
    for (let i = 0; i < name.length; i++) h = Math.imul(h ^ name.charCodeAt(i), 16777619);
    return ((h >>> 8) & 0xff) / 255;
  }

  class Page {
    constructor(host, data) {
      this.host = host;
      this.layout = "icicle";
      this.zoom = 0;
      this.hover = -1;
      this.sort = "self";
      this.query = "";
      this.showTable = false;
      this.build();
      this.update(data);
      new ResizeObserver(() => this.draw()).observe(this.scroll);
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { this.colours = null; this.draw(); });
    }

    build() {
      const toggle = (name, label, title, act) => el("button", {type: "button", "data-act": name, title, onclick: act}, label);
      this.input = el("input", {type: "search", placeholder: "Search, or /regex/", "aria-label": "Search frames",
        spellcheck: "false", oninput: () => this.search(this.input.value)});
      this.found = el("span", {class: "sf-found", role: "status"});
      this.buttons = {
        icicle: toggle("icicle", "Icicle", "Callers on top", () => this.setLayout("icicle")),
        flame: toggle("flame", "Flame", "Callers at the bottom", () => this.setLayout("flame")),
        process: toggle("process", "By process", "One tree for each process", () => this.setGrouping(true)),
        merged: toggle("merged", "Merged", "All processes in one tree", () => this.setGrouping(false)),
        table: toggle("table", "Functions", "Table of functions", () => this.setTable(!this.showTable)),
        reset: toggle("reset", "Reset zoom", "Esc", () => this.reset()),
      };
      this.types = el("select", {"aria-label": "Value", onchange: () => this.setType(+this.types.value)});
      this.grouping = el("span", {class: "sf-group"}, this.buttons.process, this.buttons.merged);
      this.head = el("header", {class: "sf-head"});
      this.canvas = el("canvas", {role: "img", "aria-label": "Flame graph"});
      this.spacer = el("div");
      this.scroll = el("div", {class: "sf-scroll", tabindex: "0"}, this.canvas, this.spacer);
      this.table = el("div", {class: "sf-table"});
      this.foot = el("footer", {class: "sf-foot"});
      this.tip = el("div", {class: "sf-tip", hidden: ""});
      this.root = el("div", {class: "sf"}, this.head,
        el("div", {class: "sf-bar"}, el("label", {class: "sf-search"}, this.input, el("kbd", {}, "/")), this.found,
          el("span", {class: "sf-space"}), this.types, this.grouping,
          el("span", {class: "sf-group"}, this.buttons.icicle, this.buttons.flame), this.buttons.table, this.buttons.reset),
        el("div", {class: "sf-main"}, this.scroll, this.table), this.foot, this.tip);
      this.host.replaceChildren(this.root);

      this.scroll.addEventListener("scroll", () => this.draw());
      this.canvas.addEventListener("mousemove", (e) => this.point(e));
      this.canvas.addEventListener("mouseleave", () => this.point(null));
      this.canvas.addEventListener("click", (e) => { const n = this.nodeAt(e); if (n >= 0) this.zoomTo(n); });
      document.addEventListener("keydown", (e) => this.key(e));
    }

    key(e) {
      if (e.key === "/" && document.activeElement !== this.input && !e.ctrlKey && !e.metaKey) {
        e.preventDefault();
        this.input.focus();
        this.input.select();
      } else if (e.key === "Escape") {
        this.input.value = "";
        this.input.blur();
        this.search("");
        this.reset();
      } else if (e.key === "Backspace" && document.activeElement !== this.input && this.zoom > 0) {
        this.zoomTo(this.model.tree.parent[this.zoom]);
      }
    }

    update(data) {
      const before = this.model;
      this.model = new Model(data);
      if (before && data.types.length === before.data.types.length) this.model.setType(before.type);
      if (before && data.byProcess && before.data.byProcess) this.model.setGrouping(before.byProcess);
      this.zoom = 0;
      this.view = null;
      this.hover = -1;
      this.colours = null;  // kept by the number of a frame, and these are new
      const facts = el("dl", {class: "sf-facts"});
      for (const [name, value] of data.facts) facts.append(el("div", {}, el("dt", {}, name), el("dd", {}, value)));
      const logo = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      logo.setAttribute("viewBox", "0 0 16 16");
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", "M8 0c1 3 5 5 5 9.5A5 5 0 0 1 8 16a5 5 0 0 1-5-6.300C3 7.500 4.500 6.500 5 4.500c1 .8 1.500 1.600 1.600 2.600C8 5.500 8.600 3 8 0z");
      logo.append(path);
      this.head.replaceChildren(el("div", {class: "sf-brand"}, logo, el("h1", {class: "sf-title"}, data.title)), facts);
      if (data.notes.length) {
        this.head.append(el("ul", {class: "sf-notes"}, ...data.notes.map((note) => el("li", {}, note))));
      }
      this.types.replaceChildren(...data.types.map((t, i) => {
        const o = el("option", {value: i}, `${t.type} (${t.unit})`);
        o.selected = i === this.model.type;
        return o;
      }));
      this.types.style.display = data.types.length > 1 ? "" : "none";
      this.grouping.style.display = data.byProcess ? "" : "none";
      this.search(this.query);
      this.refresh();
    }

    refresh() {
      const pressed = {icicle: this.layout === "icicle", flame: this.layout === "flame", process: this.model.byProcess,
        merged: !this.model.byProcess, table: this.showTable};
      for (const [name, on] of Object.entries(pressed)) this.buttons[name].setAttribute("aria-pressed", on);
      this.buttons.reset.disabled = this.zoom === 0;
      this.table.style.display = this.showTable ? "" : "none";
      const t = this.model.tree;
      const least = t.total[this.zoom] * LEAST / Math.max(this.scroll.clientWidth, 1);
      this.depth = 0;
      for (let i = this.zoom; i < t.end[this.zoom];) {
        if (t.total[i] < least) { i = t.end[i]; continue; }
        this.depth = Math.max(this.depth, t.depth[i++]);
      }
      this.stretch();
      this.legend();
      if (this.showTable) this.fillTable();
      this.draw();
    }

    legend() {
      const used = new Set(this.model.data.frames.kind);
      const keys = KINDS.map((kind, i) => ({kind, label: LABELS[i], i})).filter((k) => used.has(k.i))
        .map((k) => el("span", {class: "sf-key"}, el("i", {style: `background: hsl(var(--${k.kind}))`}), k.label));
      this.foot.replaceChildren(...keys, el("span", {class: "sf-space"}),
        el("span", {}, "click: zoom · Backspace: caller · Esc: reset · /: search"));
    }

    setLayout(layout) {
      this.layout = layout;
      this.refresh();
      this.scroll.scrollTop = layout === "flame" ? this.scroll.scrollHeight : 0;
      this.draw();
    }
    setGrouping(byProcess) {
      this.model.setGrouping(byProcess);
      this.zoom = 0;
      this.view = null;
      this.search(this.query);
      this.refresh();
    }
    setType(type) {
      this.model.setType(type);
      this.view = null;
      this.search(this.query);
      this.refresh();
    }
    setTable(on) {
      this.showTable = on;
      this.refresh();
    }
    reset() { this.zoomTo(0); }

    zoomTo(node) {
      const t = this.model.tree, from = this.view;
      this.zoom = node;
      this.point(null);
      this.search(this.query);
      this.refresh();
      if (this.layout === "flame") this.scroll.scrollTop = this.scroll.scrollHeight;
      const to = {start: t.start[node], width: t.total[node]};
      if (!from || matchMedia("(prefers-reduced-motion: reduce)").matches) {
        this.run = null;
        this.view = to;
        this.draw();
        return;
      }
      const began = performance.now(), run = this.run = {};
      const step = (now) => {
        if (this.run !== run) return;
        const x = Math.min(Math.max((now - began) / 180, 0), 1), ease = 1 - (1 - x) ** 3;
        // Ends move, not start and width: so the frame under the pointer never leaves the view.
        const start = from.start + (to.start - from.start) * ease;
        const end = from.start + from.width + (to.start + to.width - from.start - from.width) * ease;
        this.view = x < 1 ? {start, width: end - start} : to;
        this.draw();
        if (x < 1) requestAnimationFrame(step);
        else this.run = null;
      };
      this.view = from;
      requestAnimationFrame(step);
    }

    search(query) {
      this.query = query;
      const result = this.model.search(query);
      this.input.classList.toggle("sf-bad", !!(result && result.invalid));
      this.result = result;
      if (!result) {
        this.found.replaceChildren();
      } else if (result.invalid) {
        this.found.replaceChildren("not a regular expression");
      } else {
        const here = this.model.covered(this.zoom), share = percent(here.value, this.model.tree.total[this.zoom]);
        this.found.replaceChildren(el("b", {}, String(here.nodes)), ` match${here.nodes === 1 ? "" : "es"}, `, el("b", {}, share));
      }
      this.draw();
    }

    palette() {
      if (this.colours) return this.colours;
      const style = getComputedStyle(this.root), get = (n) => style.getPropertyValue(n).trim();
      const base = KINDS.map((k) => get("--" + k).split(/[\s%]+/).filter(Boolean).map(Number));
      this.colours = {base, of: new Map(), text: get("--frame-text"), match: get("--match"), page: get("--panel"),
        ink: get("--text"), soft: get("--soft"), line: get("--line")};
      return this.colours;
    }
    colour(frame) {
      const p = this.palette();
      if (frame < 0) return p.line;
      let c = p.of.get(frame);
      if (!c) {
        const [h, s, l] = p.base[this.model.kind(frame)] || p.base[3], k = shade(this.model.name(frame));
        c = `hsl(${h + (k - 0.5) * 22} ${s}% ${l + (k - 0.5) * 12}%)`;
        p.of.set(frame, c);
      }
      return c;
    }

    top(depth) {
      return this.layout === "icicle" ? depth * ROW : (this.depth - depth) * ROW;
    }

    // The canvas covers what is seen; the spacer below it makes the rest of the height.
    stretch() {
      const whole = (this.depth + 1) * ROW + 2;
      this.spacer.style.height = `${Math.max(whole - this.scroll.clientHeight, 0)}px`;
      return whole;
    }

    draw() {
      if (!this.model || this.pending) return;
      this.pending = true;
      requestAnimationFrame(() => { this.pending = false; this.paint(); });
    }

    paint() {
      const width = this.scroll.clientWidth, height = this.scroll.clientHeight, ratio = devicePixelRatio || 1;
      if (width === 0 || height === 0) return;
      const canvas = this.canvas, ctx = canvas.getContext("2d"), t = this.model.tree, p = this.palette();
      if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
        canvas.width = Math.round(width * ratio);
        canvas.height = Math.round(height * ratio);
        canvas.style.width = `${width}px`;
        canvas.style.height = `${height}px`;
      }
      const whole = this.stretch();
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
      ctx.fillStyle = p.page;
      ctx.fillRect(0, 0, width, height);
      ctx.font = FONT;
      ctx.textBaseline = "middle";
      this.letter = this.letter || ctx.measureText("MMMMMMMMMM").width / 10;
      this.boxes = [];
      if (t.total[0] <= 0) {
        ctx.fillStyle = p.soft;
        ctx.textAlign = "center";
        ctx.fillText("No samples", width / 2, 48);
        ctx.textAlign = "left";
        return;
      }
      if (!this.view) this.view = {start: t.start[this.zoom], width: t.total[this.zoom]};
      const lift = this.layout === "flame" ? Math.max(height - whole, 0) : 0;
      const space = {ctx, width, height, scale: width / this.view.width, shift: lift - this.scroll.scrollTop};
      for (let a = this.zoom; a >= 0; a = t.parent[a]) this.box(space, a, 0, width, a !== this.zoom);
      for (let i = this.zoom + 1; i < t.end[this.zoom];) {
        const x = (t.start[i] - this.view.start) * space.scale, w = t.total[i] * space.scale;
        if (w < LEAST || x > width || x + w < 0) { i = t.end[i]; continue; }
        this.box(space, i, x, w, false);
        i++;
      }
    }

    box(space, node, x, w, faded) {
      const {ctx, height} = space, t = this.model.tree, p = this.palette(), frame = t.frame[node];
      const y = this.top(t.depth[node]) + space.shift;
      if (y > height || y + ROW < 0) return;
      this.boxes.push({node, x, y, w});
      const left = Math.max(x, 0), right = Math.min(x + w, space.width), gap = w > 3 ? 1 : 0;
      const hit = this.model.match && frame >= 0 && this.model.match[frame];
      ctx.globalAlpha = faded ? 0.5 : this.model.match && !hit ? 0.35 : 1;
      ctx.fillStyle = hit ? p.match : this.colour(frame);
      ctx.fillRect(left, y, Math.max(right - left - gap, 0.4), ROW - 1);
      ctx.globalAlpha = 1;
      if (node === this.hover) {
        ctx.strokeStyle = p.ink;
        ctx.lineWidth = 1.5;
        ctx.strokeRect(left + 0.75, y + 0.75, Math.max(right - left - gap - 1.5, 0), ROW - 2.5);
      }
      const room = Math.floor((right - left - 2 * PAD) / this.letter);
      if (room < 3) return;
      let label = this.model.name(frame);
      if (frame < 0) label = `all — ${format(t.total[0], this.model.unit)}`;
      const cut = [...label.slice(0, room * 2 + 2)];
      if (cut.length > room) label = cut.slice(0, room - 1).join("") + "…";
      ctx.fillStyle = hit ? "#fff" : frame < 0 ? p.ink : p.text;
      ctx.globalAlpha = !hit && this.model.match ? 0.75 : 1;
      ctx.fillText(label, left + PAD, y + ROW / 2);
      ctx.globalAlpha = 1;
    }

    nodeAt(event) {
      const r = this.canvas.getBoundingClientRect(), x = event.clientX - r.left, y = event.clientY - r.top;
      const found = (this.boxes || []).find((b) => y >= b.y && y < b.y + ROW && x >= b.x && x < b.x + b.w);
      return found ? found.node : -1;
    }

    point(event) {
      const node = event ? this.nodeAt(event) : -1;
      if (node !== this.hover) {
        this.hover = node;
        this.canvas.style.cursor = node >= 0 ? "pointer" : "default";
        this.draw();
        this.describe(node);
      }
      this.tip.hidden = node < 0;
      if (node < 0) return;
      const box = this.tip.getBoundingClientRect();
      const x = Math.min(event.clientX + 14, innerWidth - box.width - 8);
      const y = event.clientY + 18 + box.height > innerHeight ? event.clientY - box.height - 12 : event.clientY + 18;
      this.tip.style.left = `${Math.max(x, 8)}px`;
      this.tip.style.top = `${Math.max(y, 8)}px`;
    }

    describe(node) {
      if (node < 0) return;
      const m = this.model, t = m.tree, frame = t.frame[node], file = m.file(frame), line = m.line(frame);
      const rows = [el("tr", {}, el("th"), el("th", {}, "total"), el("th", {}, "of all"), el("th", {}, "self"))];
      m.data.types.forEach((type, k) => {
        let total = 0, all = 0;
        for (let i = node; i < t.end[node]; i++) total += t.selfs[k][i];
        for (let i = 0; i < t.size; i++) all += t.selfs[k][i];
        rows.push(el("tr", {}, el("td", {}, type.type), el("td", {}, format(total, type.unit)), el("td", {}, percent(total, all)),
          el("td", {}, t.selfs[k][node] ? format(t.selfs[k][node], type.unit) : "0")));
      });
      const parts = [el("strong", {}, m.name(frame))];
      if (file) parts.push(el("div", {class: "sf-where"}, line > 0 ? `${file}:${line}` : file));
      if (m.module(frame)) parts.push(el("div", {class: "sf-where"}, m.module(frame)));
      this.tip.replaceChildren(...parts, el("table", {}, el("tbody", {}, ...rows)));
    }

    fillTable() {
      const m = this.model, all = m.tree.total[this.zoom];
      const rows = m.functions(this.zoom).sort((a, b) => b[this.sort] - a[this.sort] || b.total - a.total).slice(0, 500);
      const column = (key, label) => el("th", {"aria-sort": this.sort === key ? "descending" : null,
        onclick: () => { this.sort = key; this.fillTable(); }}, label);
      const body = rows.map((r) => el("tr", {title: m.name(r.frame), onclick: () => { this.input.value = m.name(r.frame); this.search(this.input.value); }},
        el("td", {}, r.self ? format(r.self, m.unit) : "0"), el("td", {}, percent(r.self, all)), el("td", {}, format(r.total, m.unit)),
        el("td", {}, percent(r.total, all)), el("td", {}, m.name(r.frame))));
      this.table.replaceChildren(el("table", {}, el("thead", {}, el("tr", {}, column("self", "Self"), el("th", {}, ""), column("total", "Total"),
        el("th", {}, ""), el("th", {}, "Function"))), el("tbody", {}, ...body)));
    }

    // For tests and for pages around this one.
    state() {
      const t = this.model.tree;
      return {root: this.model.name(t.frame[this.zoom]), layout: this.layout, byProcess: this.model.byProcess, nodes: t.size - 1,
        result: this.result, type: this.model.type, moving: !!this.run || !!this.pending,
        boxes: (this.boxes || []).map((b) => ({name: this.model.name(t.frame[b.node]), colour: this.colour(t.frame[b.node]),
          x: b.x, y: b.y, w: b.w}))};
    }
  }

  return {
    mount(host, data) {
      const page = new Page(host, data);
      host.stokerFlame = page;
      return page;
    },
  };
})();
