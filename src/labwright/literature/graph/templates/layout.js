"use strict";
// Where papers stand: years along the one side, the better ones nearer to the middle, none upon another.

const RADIUS = 3.5, GROWTH = 13, GAP = 2.5;

function radius(paper) { return RADIUS + GROWTH * paper.score * paper.score + (paper.begin ? 3 : 0); }

function columns(papers) {
  // Years as stretches of the axis. Crowded years are wider, years without papers take little.
  const counts = new Map();
  for (const paper of papers) counts.set(paper.year, (counts.get(paper.year) || 0) + 1);
  const years = [...counts.keys()].filter((year) => year !== null).sort((a, b) => a - b);
  const found = [];
  let at = 0;
  if (counts.has(null)) { found.push({year: null, from: 0, size: Math.sqrt(counts.get(null))}); at = found[0].size + 0.6; }
  years.forEach((year, place) => {
    if (place && year > years[place - 1] + 1) at += Math.min(1.2, 0.3 * (year - years[place - 1] - 1));
    found.push({year, from: at, size: 0.8 + Math.sqrt(counts.get(year))});
    at += found[found.length - 1].size;
  });
  for (const column of found) { column.from /= at || 1; column.size /= at || 1; }
  return found;
}

function arranged(papers, length, breadth) {
  // Places `along` the axis and `across` it for every paper, and the columns, all in pixels.
  const axis = columns(papers).map((column) => ({year: column.year, from: column.from * length, size: column.size * length}));
  const of = new Map(axis.map((column) => [column.year, column]));
  const places = papers.map(() => null);
  const buckets = new Map();
  const WIDE = 2 * (RADIUS + GROWTH + 3 + GAP);
  const order = papers.map((_, number) => number).sort((a, b) => papers[b].begin - papers[a].begin || papers[b].score - papers[a].score);
  order.forEach((number, place) => {
    const paper = papers[number], column = of.get(paper.year), r = radius(paper);
    const spread = (0.5 + number * 0.6180339887) % 1;
    const inset = Math.min(r + 2, column.size / 2);
    const along = column.from + inset + (column.size - 2 * inset) * (paper.part ?? spread);
    const far = (0.1 + 0.8 * Math.sqrt(place / papers.length)) * (0.35 + 0.65 * ((place * 0.7548776662) % 1));
    const wanted = breadth / 2 + (place % 2 ? 1 : -1) * far * (breadth / 2 - r);
    const key = Math.floor(along / WIDE), near = [];
    for (const each of [key - 1, key, key + 1]) for (const other of buckets.get(each) || []) {
      if (Math.abs(places[other].along - along) < r + places[other].r + GAP) near.push(places[other]);
    }
    places[number] = {along, across: free(near, along, wanted, r, breadth), r};
    if (!buckets.has(key)) buckets.set(key, []);
    buckets.get(key).push(number);
  });
  return {places, axis};
}

function free(near, along, wanted, r, breadth) {
  // The nearest place to the wanted one that nobody has; where the column is full, the least crowded.
  let best = wanted, least = Infinity;
  for (let step = 0; step <= breadth; step += 3) {
    for (const sign of step ? [1, -1] : [1]) {
      const across = wanted + sign * step;
      if (across < r + 2 || across > breadth - r - 2) continue;
      let overlap = 0;
      for (const other of near) overlap += Math.max(0, r + other.r + GAP - Math.hypot(other.along - along, other.across - across));
      if (overlap === 0) return across;
      if (overlap < least) { least = overlap; best = across; }
    }
  }
  return Math.min(Math.max(best, r + 2), Math.max(r + 2, breadth - r - 2));
}
