// The page around the timeline: the list, the search, the paper that is shown. It writes text, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const papers = data.papers;
const get = (id) => document.getElementById(id);

function made(kind, about, ...inside) {
  const element = document.createElement(kind);
  for (const [name, value] of Object.entries(about)) if (name === "text") element.textContent = value; else element.setAttribute(name, value);
  element.append(...inside);
  return element;
}

const facts = (paper) => [paper.by, paper.year, paper.venue, paper.citations === null ? "" : paper.citations.toLocaleString("en") + " citations"].filter(Boolean).join(" · ");

const timeline = new Timeline(get("canvas"), papers, data.links, {choose, point, open: () => get("card").focus()});
let opener = null;

function point(number) {
  const tip = get("tip");
  tip.hidden = number === null;
  if (number === null) return;
  const paper = papers[number], {x, y, r} = timeline.at(number), box = get("map").getBoundingClientRect();
  tip.replaceChildren(made("strong", {text: paper.title}), made("span", {class: "meta", text: facts(paper)}), made("span", {text: paper.why}));
  tip.style.left = Math.max(8, x + r + 14 + 300 > box.width ? x - r - 314 : x + r + 14) + "px";
  tip.style.top = Math.max(8, Math.min(y - 20, box.height - tip.offsetHeight - 44)) + "px";
}

function choose(number, fromList) {
  for (const row of document.querySelectorAll(".row.chosen")) row.classList.remove("chosen");
  timeline.choose(number, true);
  const card = get("card");
  card.hidden = number === null;
  card.replaceChildren();
  if (number === null) return;
  opener = fromList ? document.activeElement : get("canvas");
  for (const row of document.querySelectorAll(`.row[data-paper="${number}"]`)) row.classList.add("chosen");
  card.append(...described(number));
  card.scrollTop = 0;
  get("side").scrollTop = 0;
  if (fromList) card.focus({preventScroll: true});
}

function described(number) {
  const paper = papers[number], near = timeline.near[number];
  const close = made("button", {type: "button", class: "close", "aria-label": "Close", text: "×"});
  close.addEventListener("click", dismiss);
  const parts = [close, made("h2", {text: paper.title}), made("span", {class: "meta", text: facts(paper)})];
  if (paper.begin) parts.push(made("span", {class: "mark", text: "begun with"}));
  parts.push(made("p", {text: paper.why}));
  if (paper.quote) parts.push(made("p", {class: "quote", text: "“" + paper.quote + "”"}));
  const scores = made("dl", {});
  for (const [name, value] of [["score", paper.score], ["influence", paper.parts[0]], ["result", paper.parts[1]], ["recency", paper.parts[2]]]) {
    scores.append(made("dt", {text: name}), made("dd", {}, bar(value)), made("dd", {text: value.toFixed(2)}));
  }
  parts.push(scores);
  if (paper.url) parts.push(made("p", {}, made("a", {href: paper.url, target: "_blank", rel: "noopener noreferrer", text: "Open its page"}), " · ", paper.id));
  else if (paper.id) parts.push(made("p", {text: paper.id}));
  if (paper.about) parts.push(made("p", {class: "about", text: paper.about}));
  for (const [name, kind] of [["It cites, of these papers", "cites"], ["Cites it, of these papers", "cited"]]) {
    if (near[kind].length) parts.push(made("h3", {text: `${name}: ${near[kind].length}`}), made("ul", {class: "near"}, ...neighbours(near[kind], kind)));
  }
  return parts;
}

function neighbours(numbers, kind) {
  const shown = [...numbers].sort((a, b) => papers[b].score - papers[a].score);
  return shown.map((number) => {
    const button = made("button", {type: "button", class: kind, text: papers[number].title + (papers[number].year ? ` (${papers[number].year})` : "")});
    button.addEventListener("click", () => choose(number, true));
    return made("li", {}, button);
  });
}

function bar(value) {
  const space = "http://www.w3.org/2000/svg", picture = document.createElementNS(space, "svg");
  for (const [name, set] of [["class", "bar"], ["viewBox", "0 0 100 4"], ["preserveAspectRatio", "none"], ["aria-hidden", "true"]]) picture.setAttribute(name, set);
  for (const [kind, width] of [["all", 100], ["", Math.round(100 * value)]]) {
    const part = document.createElementNS(space, "rect");
    for (const [name, set] of [["class", kind], ["width", width], ["height", 4]]) part.setAttribute(name, set);
    picture.append(part);
  }
  return picture;
}

function dismiss() {
  const back = opener;
  choose(null, false);
  if (back && back.isConnected) back.focus({preventScroll: true}); else get("search").focus();
}

function search() {
  const words = get("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = papers.map((_, number) => number).filter((number) => words.every((word) => texts[number].includes(word)));
  timeline.fitting = words.length ? new Set(found) : null;
  for (const item of document.querySelectorAll(".list li")) item.hidden = words.length > 0 && !timeline.fitting.has(Number(item.dataset.paper));
  if (get("next")) get("next").hidden = words.length > 0 && !get("next").querySelector("li:not([hidden])");
  get("none").hidden = found.length > 0;
  get("hits").textContent = words.length ? `${found.length} found` : "";
  timeline.draw();
}

function view(map) {
  document.body.classList.toggle("map", map);
  get("tab-map").setAttribute("aria-pressed", map);
  get("tab-list").setAttribute("aria-pressed", !map);
}

const texts = papers.map((paper) => `${paper.title} ${paper.by} ${paper.year ?? ""} ${paper.id}`.toLowerCase());
for (const row of document.querySelectorAll(".row")) row.addEventListener("click", () => choose(Number(row.dataset.paper), true));
get("search").addEventListener("input", search);
get("tab-map").addEventListener("click", () => view(true));
get("tab-list").addEventListener("click", () => view(false));
get("in").addEventListener("click", () => timeline.zoom(1.5));
get("out").addEventListener("click", () => timeline.zoom(1 / 1.5));
get("whole").addEventListener("click", () => timeline.whole());
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !get("card").hidden) dismiss();
  else if (event.key === "Escape" && get("search").value) { get("search").value = ""; search(); }
  else if (event.key === "/" && document.activeElement !== get("search")) { get("search").focus(); event.preventDefault(); }
});
document.body.dataset.ready = papers.length;
