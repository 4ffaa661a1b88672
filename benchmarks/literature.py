"""How fast the library answers with 50,000 papers in it, and how fast a citation graph is built from the cache.

    python benchmarks/literature.py [--papers 50000] [--queries 300] [--only library|graph]

The papers are made up: words of a vocabulary that follows Zipf's law with English stop words at its head, a title and
an abstract each, and a full text for every tenth. They are kept through the public API in a temporary lab, and searched
with many different questions: titles half remembered, frequent words, rare ones, phrases, filters, words that no paper
has together, signs, and those that are dear to an index: nothing but stop words, a phrase of them, words that most
papers have under a filter that lets few pass, an abstract that was pasted in. The target holds for each of them, not
for most: a question's time is the median of three, so that it is the question's and not the machine's hiccup. In the
same run, on the same database, some of them are asked by scanning with LIKE, as a library without an index would.

The graph is walked over a made-up world of papers, whose citations a server on loopback sends in the shape of Semantic
Scholar. The first walk fills the cache of a lab; then a new client, source and walk build the same graph from it, and
the server is asked nothing. Exit code 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from sqlalchemy import create_engine, text

from labwright.contracts.literature import Document, Paper, PaperIds, Query, Section
from labwright.http import Http, services
from labwright.ledger import Ledger
from labwright.literature.graph import Graph, picture, surveyed, walk
from labwright.literature.library import Library, ToKeep
from labwright.literature.sources import SemanticScholarSource

SEARCH_TARGET_S = 0.050
GRAPH_TARGET_S = 2.0
GRAPH_PAPERS = 500
WORLD = 6000  # papers that exist; a walk sees a part of them
VOCABULARY = 60_000
KINDS = 12  # of questions
READ = 10  # every tenth paper was read, so that its text is kept
SCANNED = 12  # questions that are asked by LIKE too
_STOP_WORDS = "the of and a to in we is for that with on this as are by an be our from can it which at or has"
_STARTS, _ENDS = "b c d f g k l m n p r s t v z st tr pl", "a e i o u en al or"


@dataclass(frozen=True)
class Figures:
    """Of one kind of question."""

    what: str
    taken_s: list[float]

    def line(self) -> str:
        """p50, p95 and the worst, in milliseconds."""
        ordered = sorted(self.taken_s)
        p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
        values = (statistics.median(ordered), p95, ordered[-1])
        return f"{self.what:<34}{len(ordered):>5}" + "".join(f"{value * 1000:>10.1f}" for value in values)


class Writer:
    """Writes papers in a made-up language."""

    def __init__(self, seed: int) -> None:
        self._numbers = np.random.default_rng(seed)
        self._random = random.Random(seed)
        syllables = [start + end for start in _STARTS.split() for end in _ENDS.split()]
        made: dict[str, None] = dict.fromkeys(_STOP_WORDS.split())
        while len(made) < VOCABULARY:
            made["".join(self._random.choices(syllables, k=self._random.randint(2, 4)))] = None
        self.words = np.array(list(made))
        weights = 1.0 / (np.arange(VOCABULARY) + 2.7) ** 1.05
        self._cumulated = np.cumsum(weights / weights.sum())

    def text(self, length: int) -> str:
        """So many words, twelve a sentence."""
        chosen = self.words[np.searchsorted(self._cumulated, self._numbers.random(length))]
        return ". ".join(" ".join(chosen[start : start + 12]) for start in range(0, length, 12))

    def papers(self, count: int) -> Iterator[ToKeep]:
        """As a lab collects them over the years."""
        for number in range(count):
            year = 2000 + self._random.randrange(26)
            paper = Paper(
                PaperIds(arxiv=f"{year % 100:02d}{1 + number % 12:02d}.{number:05d}", corpus=number),
                self.text(self._random.randint(6, 12)).replace(".", ""),
                tuple(self.text(2).title() for _ in range(self._random.randint(1, 6))),
                year,
                abstract=self.text(self._random.randint(100, 200)),
                citations=None if number % 9 == 0 else int(self._numbers.pareto(1.2) * 10),
            )
            document = None
            if number % READ == 0:
                sections = tuple(Section(str(n), self.text(3), 1, self.text(500)) for n in range(1, 7))
                document = Document(paper.ids, paper.title, paper.abstract, sections)
            yield ToKeep(paper, document, "made for the benchmark")


def questions(writer: Writer, titles: list[str], count: int) -> Iterator[tuple[str, Query]]:
    """Questions of every kind, by kind."""
    chance = random.Random(7)
    words = writer.words

    def some(first: int, last: int, number: int) -> str:
        return " ".join(words[chance.randrange(first, last)] for _ in range(number))

    for _ in range(count // KINDS or 1):
        title = chance.choice(titles).split()
        start = chance.randrange(max(1, len(title) - 2))
        yield "words of a title", Query(" ".join(chance.sample(title, min(4, len(title)))))
        yield "a phrase of a title", Query(f'"{" ".join(title[start : start + 3])}"')
        yield "two frequent words", Query(some(26, 300, 2))
        yield "one frequent word", Query(some(26, 120, 1))
        yield "one rare word", Query(some(20_000, VOCABULARY, 1))
        yield "frequent words, filters", Query(some(26, 2000, 2), since=2018, min_citations=20)
        yield "words that no paper has together", Query(f"{some(30, 3000, 3)} {some(10_000, VOCABULARY, 2)} -NEAR(*")
        yield "nothing but stop words", Query(some(0, 26, 3))
        yield "a phrase of stop words", Query(f'"{some(0, 26, chance.randint(2, 3))}"')
        yield "one frequent word, filters", Query(some(26, 40, 1), since=2024, min_citations=chance.choice((5, 500)))
        yield "three very frequent words", Query(some(26, 32, 3))
        yield "an abstract pasted in", Query(writer.text(150))


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def scanning(url: str, asked: list[Query]) -> float:
    """The same without an index: the median of scanning every text with LIKE for all words of a question."""
    engine = create_engine(url)
    with engine.connect() as connection:

        def scan(query: Query) -> None:
            words = [word.strip('"') for word in query.text.split() if word.strip('"')]
            columns = ("title", "authors", "abstract", "body", "notes")
            each = " AND ".join(
                f"({' OR '.join(f'{column} LIKE :w{n}' for column in columns)})" for n in range(len(words))
            )
            given = {f"w{n}": f"%{word}%" for n, word in enumerate(words)}
            connection.execute(text(f"SELECT rowid FROM paper_search WHERE {each}"), given).all()

        taken = statistics.median(timed(lambda query=query: scan(query)) for query in asked)  # type: ignore[misc]
    engine.dispose()
    return taken


def library_is_quick(papers: int, count: int) -> bool:
    """Fill a library, ask it, print the figures; whether the target is met."""
    with tempfile.TemporaryDirectory() as home:
        url = f"sqlite:///{home}/lab.db"
        writer, titles = Writer(11), []
        with Ledger.open(url) as ledger:
            library = Library(ledger, Path(home) / "objects")

            def made() -> Iterator[ToKeep]:
                for each in writer.papers(papers):
                    titles.append(each.paper.title)
                    yield each

            filling_s = timed(lambda: library.keep_all(made()))
            size = (Path(home) / "lab.db").stat().st_size
            print(f"{papers:,} papers kept in {filling_s:.0f} s, every {READ}th with its text; {size / 1e6:,.0f} MB")
            asked = list(questions(writer, titles, count))
            random.Random(3).shuffle(asked)
            library.search(Query("warm"))
            taken: dict[str, list[float]] = {}
            for kind, query in asked:
                tries = [timed(lambda query=query: library.search(query)) for _ in range(3)]  # type: ignore[misc]
                taken.setdefault(kind, []).append(statistics.median(tries))
            everything = [each for kind in taken.values() for each in kind]
            print(f"{'search, the 20 best; ms':<34}{'n':>5}{'p50':>10}{'p95':>10}{'worst':>10}")
            for kind in sorted(taken):
                print(Figures(kind, taken[kind]).line())
            print(Figures("all", everything).line())
            passages = [timed(lambda query=query: library.snippets(query)) for _, query in asked[:60]]  # type: ignore[misc]
            print(Figures("passages of the 20 best", passages).line())
            scanned = [query for _, query in asked if not query.filters][:SCANNED]
            scan_s = scanning(url, scanned)
            again_s = statistics.median(timed(lambda query=query: library.search(query)) for query in scanned)  # type: ignore[misc]
            print(f"LIKE over the same texts, {len(scanned)} of them: {scan_s * 1000:.0f} ms, x{scan_s / again_s:.0f}")
        met = max(everything) < SEARCH_TARGET_S
        print(f"{'met   ' if met else 'MISSED'} every search under {SEARCH_TARGET_S * 1000:.0f} ms")
        return met


class World:
    """Papers and who cites whom, as Semantic Scholar sends them."""

    def __init__(self, count: int, seed: int = 5) -> None:
        chance, writer = random.Random(seed), Writer(seed)
        texts = [writer.text(140) for _ in range(200)]  # how long they are matters here, not what they say
        self.rows = [self._row(number, writer.text(8).title(), chance.choice(texts), chance) for number in range(count)]
        self.references: list[list[int]] = []
        self.citations: list[list[int]] = [[] for _ in range(count)]
        drawn = [0]  # each paper as often as it was cited, so that the cited are cited more
        for number in range(count):
            near = [chance.randrange(max(0, number - 400), number) for _ in range(25)] if number else []
            cited = sorted({*chance.sample(drawn, min(len(drawn), 15)), *near} - {number})
            self.references.append(cited)
            for each in cited:
                self.citations[each].append(number)
            drawn += [number, *cited]
        self.sentences = [writer.text(30) for _ in range(300)]

    @staticmethod
    def sha(number: int) -> str:
        """Its id."""
        return f"{number:040x}"

    def _row(self, number: int, title: str, abstract: str, chance: random.Random) -> dict[str, Any]:
        ids = {"ArXiv": f"{10 + number // 1000:02d}{1 + number % 12:02d}.{number:05d}", "CorpusId": number + 1}
        year = 2010 + number * 16 // WORLD
        return {
            "paperId": self.sha(number),
            "externalIds": ids if number % 3 else {"DOI": f"10.1000/{number}", "CorpusId": number + 1},
            "title": title,
            "authors": [{"authorId": str(n), "name": f"Author {number} {n}"} for n in range(chance.randint(1, 8))],
            "year": year,
            "publicationDate": f"{year}-{1 + number % 12:02d}-15",
            "abstract": abstract,
            "venue": "arXiv.org",
            "citationCount": int(chance.paretovariate(0.8) * 3),
            "influentialCitationCount": 1,
            "openAccessPdf": {"url": "", "status": None},
            "url": f"https://www.semanticscholar.org/paper/{self.sha(number)}",
        }

    def answer(self, address: str) -> bytes:
        """A page of one side of a paper's citations."""
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        *_, sha, side = parts.path.split("/")
        number, offset, limit = int(sha, 16), int(asked["offset"]), int(asked["limit"])
        ends = self.references[number] if side == "references" else self.citations[number][::-1]
        key = "citedPaper" if side == "references" else "citingPaper"
        edges = [self._edge(number, end) | {key: self.rows[end]} for end in ends[offset : offset + limit]]
        more = {"next": offset + limit} if offset + limit < len(ends) else {}
        return json.dumps({"offset": offset, "data": edges, **more}).encode()

    def _edge(self, one: int, other: int) -> dict[str, Any]:
        contexts = [self.sentences[(one * 7 + other) % 300], self.sentences[(one + other * 3) % 300]]
        return {
            "contexts": contexts,
            "intents": ["methodology"] if (one + other) % 4 == 0 else ["background"],
            "isInfluential": (one * other) % 11 == 0,
        }


@contextmanager
def serving(world: World, asked: list[str]) -> Iterator[str]:
    """The world at an address on loopback; what was asked of it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            asked.append(self.path)
            body = world.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def graph_from_cache(repeats: int = 3) -> bool:
    """Walk to 500 papers and more, then again from the cache; print the figures; whether the target is met."""
    world = World(WORLD)
    asked: list[str] = []
    seed = Paper(PaperIds(s2=World.sha(WORLD // 2)), world.rows[WORLD // 2]["title"])
    with tempfile.TemporaryDirectory() as home, serving(world, asked) as url:
        service = replace(services.semantic_scholar(url), interval_s=0.0)  # its pace would be all that is measured

        def built() -> Graph:
            with Http(Path(home)) as http:
                return walk([seed], SemanticScholarSource(http, service).cited, requests=60)

        cold_s = timed(built)
        requests, size = len(asked), sum(file.stat().st_size for file in Path(home).rglob("*") if file.is_file())
        taken = []
        for _ in range(repeats):
            begun = time.perf_counter()
            graph = built()
            taken.append(time.perf_counter() - begun)
        warm_s = statistics.median(taken)
        begun = time.perf_counter()
        survey = surveyed(graph, 2026)
        ranked_s = time.perf_counter() - begun
        drawn_s = timed(lambda: picture(survey))
        print(f"{len(graph.papers):,} papers, {len(graph.edges):,} citations, {graph.asked} questions", end="; ")
        print(f"cache {size / 1e6:.0f} MB; asked again after it was filled: {len(asked) - requests}")
        print(f"filling the cache {cold_s:.2f} s; from the cache {warm_s:.2f} s (of {repeats}: ", end="")
        print(f"{min(taken):.2f} to {max(taken):.2f}); ranking {ranked_s:.2f} s; picture {drawn_s:.2f} s")
        met = warm_s + ranked_s < GRAPH_TARGET_S and len(graph.papers) >= GRAPH_PAPERS and len(asked) == requests
        print(f"{'met   ' if met else 'MISSED'} {GRAPH_PAPERS} papers and more, ranked, under {GRAPH_TARGET_S:.0f} s")
        return met


def main() -> int:
    """Measure, print, and say by the exit code whether the targets are met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--papers", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=300)
    parser.add_argument("--only", choices=("library", "graph"))
    args = parser.parse_args()
    met = []
    if args.only != "graph":
        met.append(library_is_quick(args.papers, args.queries))
    if args.only != "library":
        met.append(graph_from_cache())
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
