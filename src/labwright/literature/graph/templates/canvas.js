// The timeline itself: draws what is in view, moves and zooms, says which paper is meant.

class Timeline {
  constructor(canvas, papers, links, heard) {
    Object.assign(this, {canvas, papers, links, heard, chosen: null, over: null, fitting: null, k: 1, x: 0, y: 0});
    this.pen = canvas.getContext("2d");
    this.touching = new Map();
    this.near = papers.map(() => ({cites: [], cited: []}));
    for (const [citing, cited] of links) { this.near[citing].cites.push(cited); this.near[cited].cited.push(citing); }
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.dress());
    this.listen();
    this.dress();
    this.resize();  // at once: an observer is told with the first frame only, which a page in the background may never have
    new ResizeObserver(() => this.resize()).observe(canvas);
  }

  dress() {
    const style = getComputedStyle(document.documentElement);
    this.colours = Object.fromEntries(["paper", "ink", "soft", "grid", "begin", "next", "node", "node-line", "cites", "cited", "link"].map((name) => [name, style.getPropertyValue("--" + name).trim()]));
    this.font = style.getPropertyValue("--sans");
    this.draw();
  }

  resize() {
    const width = this.canvas.clientWidth, height = this.canvas.clientHeight, dots = devicePixelRatio || 1;
    if (!width || !height || (width === this.width && height === this.height && dots === this.dots)) return;
    Object.assign(this, {width, height, dots});
    this.canvas.width = Math.round(width * dots);
    this.canvas.height = Math.round(height * dots);
    this.upright = width < height * 0.8;  // then years run down, the newest first
    const area = this.papers.reduce((sum, paper) => sum + (2 * radius(paper) + 3) ** 2, 0);
    this.margin = this.upright ? {along: 26, before: 52, after: 14} : {along: 30, before: 16, after: 34};
    const breadth = Math.max(80, (this.upright ? width : height) - this.margin.before - this.margin.after);
    const length = Math.max((this.upright ? height : width) - 2 * this.margin.along, Math.min(4000, 2.6 * area / breadth));
    const {places, axis} = arranged(this.papers, length, breadth);
    const {along, before} = this.margin;
    this.spots = places.map((p) => this.upright ? {x: before + p.across, y: along + length - p.along, r: p.r} : {x: along + p.along, y: before + p.across, r: p.r});
    this.axis = axis.map((c) => this.upright ? {year: c.year, from: along + length - c.from - c.size, size: c.size} : {year: c.year, from: along + c.from, size: c.size});
    this.size = this.upright ? {w: width, h: length + 2 * along} : {w: length + 2 * along, h: height};
    this.whole();
  }

  whole() {
    this.k = this.upright ? 1 : Math.min(1, this.width / this.size.w);
    this.x = 0;
    this.y = this.upright ? 0 : (this.height - this.size.h * this.k) / 2;
    this.draw();
  }

  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const k = Math.min(12, Math.max(Math.min(1, this.width / this.size.w, this.height / this.size.h), this.k * factor));
    this.x = x - (x - this.x) * k / this.k;
    this.y = y - (y - this.y) * k / this.k;
    this.k = k;
    this.move(0, 0);
  }

  move(dx, dy) {
    // Never so far that nothing is left to see.
    const hold = (at, size, view) => Math.min(view * 0.7, Math.max(view * 0.3 - size * this.k, at));
    this.x = hold(this.x + dx, this.size.w, this.width);
    this.y = hold(this.y + dy, this.size.h, this.height);
    this.draw();
  }

  at(number) {
    const spot = this.spots[number];
    return {x: this.x + spot.x * this.k, y: this.y + spot.y * this.k, r: spot.r * Math.sqrt(this.k)};
  }

  under(x, y, reach) {
    let best = null, least = Infinity;
    this.papers.forEach((_, number) => {
      const spot = this.at(number), away = Math.hypot(spot.x - x, spot.y - y) - spot.r;
      if (away < Math.min(least, reach)) { best = number; least = away; }
    });
    return best;
  }

  choose(number, show) {
    this.chosen = number;
    if (number !== null && show && this.spots) {
      const {x, y} = this.at(number);
      if (x < 30 || y < 30 || x > this.width - 30 || y > this.height - (this.upright ? this.height * 0.8 : 40)) this.move(this.width / 2 - x, this.height * (this.upright ? 0.12 : 0.5) - y);
    }
    this.draw();
  }

  step(dx, dy) {
    // The nearest paper in a direction; what is beside the way counts double.
    if (this.chosen === null) { this.heard.choose(this.papers.findIndex((paper) => paper.begin), false); return; }
    const from = this.at(this.chosen);
    let best = null, least = Infinity;
    this.papers.forEach((_, number) => {
      if (number === this.chosen || !this.fits(number)) return;
      const to = this.at(number), ahead = (to.x - from.x) * dx + (to.y - from.y) * dy, beside = Math.abs((to.x - from.x) * dy) + Math.abs((to.y - from.y) * dx);
      if (ahead > 0.5 && ahead + 2 * beside < least) { best = number; least = ahead + 2 * beside; }
    });
    if (best !== null) this.heard.choose(best, false);
  }

  fits(number) { return this.fitting === null || this.fitting.has(number); }

  listen() {
    const canvas = this.canvas, touching = this.touching;
    const place = (event) => { const box = canvas.getBoundingClientRect(); return {x: event.clientX - box.left, y: event.clientY - box.top}; };
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      try { canvas.setPointerCapture(event.pointerId); } catch { /* a pointer that is gone already */ }
      touching.set(event.pointerId, place(event));
      if (touching.size === 1) moved = 0;
    });
    canvas.addEventListener("pointermove", (event) => {
      const now = place(event), before = touching.get(event.pointerId);
      if (!before) { this.point(event.pointerType === "mouse" ? this.under(now.x, now.y, 5) : null); return; }
      const other = [...touching].find(([id]) => id !== event.pointerId);
      touching.set(event.pointerId, now);
      moved += Math.hypot(now.x - before.x, now.y - before.y);
      if (moved < 5) return;
      this.point(null);
      canvas.classList.add("dragged");
      if (other) {
        const apart = (a) => Math.hypot(a.x - other[1].x, a.y - other[1].y) || 1;
        this.zoom(apart(now) / apart(before), (now.x + other[1].x) / 2, (now.y + other[1].y) / 2);
        this.move((now.x - before.x) / 2, (now.y - before.y) / 2);
      } else this.move(now.x - before.x, now.y - before.y);
    });
    const end = (event) => {
      const was = touching.get(event.pointerId);
      touching.delete(event.pointerId);
      canvas.classList.remove("dragged");
      if (event.type === "pointerup" && was && moved < 5) this.heard.choose(this.under(was.x, was.y, event.pointerType === "mouse" ? 5 : 16), false);
    };
    canvas.addEventListener("pointerup", end);
    canvas.addEventListener("pointercancel", end);
    canvas.addEventListener("pointerleave", () => this.point(null));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      const {x, y} = place(event), unit = event.deltaMode ? 30 : 1;
      if (event.shiftKey) this.move(-(event.deltaX || event.deltaY) * unit, 0);
      else this.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0016)), x, y);
    }, {passive: false});
    canvas.addEventListener("keydown", (event) => {
      const steps = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (steps[event.key]) this.step(...steps[event.key]);
      else if (event.key === "+" || event.key === "=") this.zoom(1.4);
      else if (event.key === "-") this.zoom(1 / 1.4);
      else if (event.key === "0") this.whole();
      else if (event.key === "Enter" && this.chosen !== null) this.heard.open();
      else return;
      event.preventDefault();
    });
  }

  point(number) {
    if (number === this.over) return;
    this.over = number;
    this.canvas.classList.toggle("over", number !== null);
    this.heard.point(number);
    this.draw();
  }

  draw() {
    if (this.waiting) return;
    this.waiting = requestAnimationFrame(() => { this.waiting = 0; if (this.spots) this.paint(); });
  }

  paint() {
    const {pen, colours, width, height} = this;
    pen.setTransform(this.dots, 0, 0, this.dots, 0, 0);
    pen.fillStyle = colours.paper;
    pen.fillRect(0, 0, width, height);
    this.paintYears(true);
    const focus = this.over ?? this.chosen;
    const spots = this.papers.map((_, number) => this.at(number));
    const seen = spots.map((s) => s.x > -20 && s.y > -20 && s.x < width + 20 && s.y < height + 20);
    this.paintLinks(spots, focus);
    const around = focus === null ? null : new Set([focus, ...this.near[focus].cites, ...this.near[focus].cited]);
    for (let number = this.papers.length - 1; number >= 0; number--) if (seen[number]) {
      const dim = !this.fits(number) || (around && !around.has(number));
      this.paintPaper(this.papers[number], spots[number], dim, number === this.chosen || number === this.over);
    }
    this.paintLabels(spots, seen, around);
    this.paintYears(false);
  }

  paintLinks(spots, focus) {
    const {pen, colours} = this;
    const all = (pick, colour, alpha, thick) => {
      pen.beginPath();
      for (const link of this.links) if (pick(link)) {
        const a = spots[link[0]], b = spots[link[1]], bend = 0.12;
        pen.moveTo(a.x, a.y);
        pen.quadraticCurveTo((a.x + b.x) / 2 + (b.y - a.y) * bend, (a.y + b.y) / 2 - (b.x - a.x) * bend, b.x, b.y);
      }
      Object.assign(pen, {strokeStyle: colour, globalAlpha: alpha, lineWidth: thick});
      pen.stroke();
      pen.globalAlpha = 1;
    };
    // Of many only those that tell something, or belong to what the graph began with: all of them are a grey cloud.
    const few = this.links.length < 300, begun = (link) => this.papers[link[0]].begin || this.papers[link[1]].begin;
    const shown = (link) => (few || link[2] || begun(link)) && this.fits(link[0]) && this.fits(link[1]);
    all(shown, colours.link, focus === null ? (few ? 0.3 : 0.18) : 0.06, this.upright ? 0.5 : 0.8);
    if (focus !== null) {
      all((link) => link[0] === focus, colours.cites, 0.75, 1.5);
      all((link) => link[1] === focus, colours.cited, 0.75, 1.5);
    }
  }

  paintPaper(paper, {x, y, r}, dim, strong) {
    const {pen, colours} = this;
    pen.globalAlpha = dim ? 0.18 : 1;
    pen.beginPath();
    if (paper.begin) { pen.moveTo(x, y - r); pen.lineTo(x + r, y); pen.lineTo(x, y + r); pen.lineTo(x - r, y); pen.closePath(); } else pen.arc(x, y, r, 0, 7);
    pen.fillStyle = paper.begin ? colours.begin : paper.next ? colours.next : colours.node;
    pen.fill();
    Object.assign(pen, {strokeStyle: strong ? colours.ink : paper.begin || paper.next ? colours.paper : colours["node-line"], lineWidth: strong ? 2.5 : 1});
    pen.stroke();
    pen.globalAlpha = 1;
  }

  paintLabels(spots, seen, around) {
    // As many names as find room: those that are meant first, then those begun with, to read next, the best.
    const {pen, colours} = this;
    pen.font = "12px " + this.font;
    pen.textBaseline = "middle";
    const worth = (number) => (number === this.over || number === this.chosen ? 8 : 0) + (around && around.has(number) ? 4 : 0) + (this.papers[number].begin ? 2 : this.papers[number].next ? 1 : 0) + this.papers[number].score;
    const most = around ? 24 : Math.round((this.upright ? 16 : 26) * Math.max(1, this.k));
    const wanted = this.papers.map((_, number) => number).filter((n) => seen[n] && this.fits(n) && (!around || around.has(n))).sort((a, b) => worth(b) - worth(a)).slice(0, most);
    const taken = [];
    for (const number of wanted) {
      const {x, y, r} = spots[number], text = this.papers[number].label, w = pen.measureText(text).width;
      const sides = [x + r + 4, x - r - 4 - w];
      const left = sides.find((l) => l > (this.upright ? 46 : 2) && l + w < this.width - 2 && !taken.some((b) => l < b.r && l + w > b.l && y - 8 < b.b && y + 8 > b.t) && !wanted.some((o) => o !== number && spots[o].x > l - 2 && spots[o].x < l + w + 2 && Math.abs(spots[o].y - y) < 8));
      if (left === undefined) continue;
      taken.push({l: left - 3, r: left + w + 3, t: y - 8, b: y + 8});
      Object.assign(pen, {strokeStyle: colours.paper, lineWidth: 3.5, lineJoin: "round", fillStyle: colours.ink});
      pen.strokeText(text, left, y);
      pen.fillText(text, left, y);
    }
  }

  paintYears(lines) {
    const {pen, colours, upright} = this;
    pen.font = "12px " + this.font;
    let free = -Infinity;
    if (!lines) {
      pen.fillStyle = colours.paper;
      pen.globalAlpha = 0.9;
      if (upright) pen.fillRect(0, 0, 44, this.height); else pen.fillRect(0, this.height - 24, this.width, 24);
      pen.globalAlpha = 1;
    }
    for (const {year, from, size} of this.axis) {
      const start = (upright ? this.y : this.x) + from * this.k, middle = start + size * this.k / 2, text = year === null ? "year?" : String(year);
      if (lines) {
        pen.fillStyle = colours.grid;
        const edge = upright ? start + size * this.k : start;
        if (upright) pen.fillRect(44, Math.round(edge), this.width, 1); else pen.fillRect(Math.round(edge), 0, 1, this.height - 24);
      } else if (upright ? Math.abs(middle - free) > 15 : middle - free > 34) {
        Object.assign(pen, {fillStyle: colours.soft, textBaseline: "middle"});
        if (upright) pen.fillText(text, 8, middle); else pen.fillText(text, middle - pen.measureText(text).width / 2, this.height - 12);
        free = middle;
      }
    }
  }
}
