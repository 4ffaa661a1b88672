"""The ledger itself: appends events, keeps the state they add up to, and answers questions about it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from sqlalchemy import Connection, Engine, select

from labwright.contracts.compute import MetricPoint
from labwright.contracts.events import Event, Recorded
from labwright.contracts.literature import LibraryEntry, PaperIds, Query
from labwright.contracts.research import DatasetVersion, GateReport
from labwright.contracts.sessions import (
    JUDGE_SESSION,
    Approval,
    LlmCall,
    SessionAccount,
    SessionSummary,
    SessionView,
    TokenUsage,
    ToolCall,
)
from labwright.contracts.views import Curve, StudyStatus, StudySummary, StudyView
from labwright.ledger import connection as database
from labwright.ledger import (
    dataset_queries,
    library_projection,
    library_queries,
    library_tables,
    llm_usage,
    messages,
    queries,
    session_queries,
    session_tables,
    status,
    tables,
)
from labwright.ledger.complaints import storage_errors
from labwright.ledger.decision import Decision, append
from labwright.ledger.library_queries import KeptPaper, MarkedPaper, Matches
from labwright.ledger.place import Place
from labwright.ledger.projection import apply

_REPLAY_BATCH = 1000


class Ledger:
    """The one database of a lab. Safe to use from several processes, and from several threads of one."""

    def __init__(self, engine: Engine, where: str) -> None:
        self._engine = engine
        self._writer = database.writer(engine)
        self._where = where

    @classmethod
    def open(cls, url: str) -> Self:
        """The ledger at a SQLAlchemy URL; the file, its directory and its tables are made where they are missing.

        Raises StorageError where it cannot be opened, is damaged, or was written by a newer version, and UsageError
        where the URL names no database of SQLite or PostgreSQL.
        """
        return cls(*database.open_engine(url))

    def close(self) -> None:
        """Give the database's connections back."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with storage_errors(self._where), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def _writing(self, doing: str = "this") -> Iterator[Connection]:
        with storage_errors(self._where, doing), self._writer.begin() as connection:
            yield connection

    # Writing

    def record(self, study_id: str | None, event: Event, at: float | None = None) -> Recorded:
        """Append an event and fold it into the state, both or neither. `at` is now unless given.

        An event of a session names its session itself, and belongs to no study.

        Raises StorageError where it contradicts what is recorded, such as a second trial with the same id.
        """
        moment = time.time() if at is None else at
        with self._writing(f"{event.kind} in {study_id or 'no study'}") as connection:
            return append(connection, study_id, event, moment)

    def record_many(self, study_id: str | None, timed: Iterable[tuple[float, Event]]) -> int:
        """Record many events with their times in one transaction, all or none; returns how many."""
        count = 0
        with self._writing(f"one of many events in {study_id or 'no study'}") as connection:
            for at, event in timed:
                append(connection, study_id, event, at)
                count += 1
        return count

    @contextmanager
    def deciding(self) -> Iterator[Decision]:
        """One write transaction in which to look first and record then: what was seen still holds when it is in.

        Nobody else writes meanwhile, in no thread and in no process. What raises inside leaves nothing behind.
        """
        with self._writing("a decision") as connection:
            yield Decision(connection)

    def rebuild(self, study_id: str | None) -> None:
        """Throw a study's state away and replay its events; None: what belongs to no study, sessions and library.

        The library's texts are files; those that are indexed stay so.
        """
        with self._writing() as connection:
            for table in tables.STATE:
                key = table.c.id if table is tables.studies else table.c.study_id
                connection.execute(table.delete().where(key == study_id))
            for table in (*session_tables.SESSION_STATE, *library_tables.LIBRARY_STATE) if study_id is None else ():
                connection.execute(table.delete())
            after = 0
            while batch := _page(connection, after, _REPLAY_BATCH, study_id=study_id, every=False):
                for recorded, body in batch:
                    apply(recorded.event, connection, Place(recorded.seq, recorded.study_id, recorded.at, body))
                after = batch[-1][0].seq
            if study_id is None:
                library_projection.drop_unkept(connection)

    # Reading

    def events(self, study_id: str | None = None, after: int = 0) -> tuple[Recorded, ...]:
        """The events behind number `after`, in order: one study's, or everyone's."""
        with self._reading() as connection:
            page = _page(connection, after, None, study_id=study_id, every=study_id is None)
            return tuple(recorded for recorded, _ in page)

    def study_view(self, study_id: str, now: float | None = None) -> StudyView:
        """Everything known of one study; a running one's last session counts until `now`, where that is given.

        Raises UsageError for an unknown id, naming those there are.
        """
        with self._reading() as connection:
            return queries.study_view(connection, study_id, now)

    def status(self, study_id: str, now: float | None = None) -> StudyStatus:
        """A study at a glance, without reading its trials. Raises UsageError for an unknown id."""
        with self._reading() as connection:
            return status.study_status(connection, study_id, now)

    def summaries(self) -> tuple[StudySummary, ...]:
        """All studies, oldest first."""
        with self._reading() as connection:
            return status.summaries(connection)

    def queries(self, benchmark_id: str) -> tuple[Recorded, ...]:
        """Every time a split of this benchmark was consulted, by any study or by none."""
        table = tables.queries
        with self._reading() as connection:
            rows = connection.execute(select(table).where(table.c.benchmark_id == benchmark_id).order_by(table.c.seq))
            return tuple(queries.parse_any(row) for row in rows)

    def openings(self, benchmark_id: str) -> tuple[Recorded, ...]:
        """Every opening of this benchmark's sealed test, by any study or by none."""
        table = tables.openings
        with self._reading() as connection:
            rows = connection.execute(select(table).where(table.c.benchmark_id == benchmark_id).order_by(table.c.seq))
            return tuple(queries.parse_any(row) for row in rows)

    # Dataset versions

    def dataset(self, name: str) -> DatasetVersion | None:
        """The newest version with this id, name or beginning of an id, in any study or in none.

        Raises UsageError where several ids begin so.
        """
        with self._reading() as connection:
            return dataset_queries.find(connection, name)

    def datasets(self) -> tuple[DatasetVersion, ...]:
        """All dataset versions, oldest first; the same one registered again under its name is told once."""
        with self._reading() as connection:
            return dataset_queries.every(connection)

    def gates_of(self, dataset_id: str) -> tuple[GateReport, ...]:
        """What the data gate found of a dataset version, oldest first."""
        with self._reading() as connection:
            return dataset_queries.gates_of(connection, dataset_id)

    # Sessions of the intern

    def session_view(self, session_id: str, now: float | None = None) -> SessionView:
        """A session as it stands; the time of a running one counts until `now`, where that is given.

        Raises UsageError for an unknown id, naming those there are.
        """
        with self._reading() as connection:
            return session_queries.session_view(connection, session_id, now)

    def session_account(self, session_id: str, now: float | None = None) -> SessionAccount:
        """A session's ceilings and what it took, without its history. Raises UsageError for an unknown id."""
        with self._reading() as connection:
            return session_queries.account(connection, session_id, now)

    def judge_usage(self, owner: str) -> TokenUsage:
        """What the judge took for a study, or for an evaluation outside any study; zero where nobody was asked."""
        with self._reading() as connection:
            return llm_usage.usage_of(connection, f"{JUDGE_SESSION}{owner}")

    def sessions(self) -> tuple[SessionSummary, ...]:
        """All sessions, oldest first."""
        with self._reading() as connection:
            return session_queries.summaries(connection)

    def session_events(self, session_id: str, after: int = 0) -> tuple[Recorded, ...]:
        """A session's events behind number `after`, in order."""
        log = tables.events
        chosen = select(log).where(log.c.session_id == session_id, log.c.seq > after).order_by(log.c.seq)
        with self._reading() as connection:
            return tuple(queries.parse_any(row) for row in connection.execute(chosen))

    def approvals(self, session_id: str | None = None, *, open_only: bool = False) -> tuple[Approval, ...]:
        """Approvals, oldest first: one session's, or everyone's."""
        with self._reading() as connection:
            return session_queries.approvals(connection, session_id=session_id, open_only=open_only)

    def approval(self, approval_id: str) -> Approval:
        """One approval. Raises UsageError for an unknown id, naming those that wait."""
        with self._reading() as connection:
            return session_queries.approval(connection, approval_id)

    def tool_calls(self, session_id: str, *, open_only: bool = False) -> tuple[ToolCall, ...]:
        """A session's tool calls, oldest first; `open_only` for those whose end nobody recorded."""
        with self._reading() as connection:
            return session_queries.tool_calls(connection, session_id, open_only=open_only)

    def llm_calls(self, session_id: str, *, open_only: bool = False) -> tuple[LlmCall, ...]:
        """A session's model calls, oldest first; `open_only` for those that are still reserved."""
        with self._reading() as connection:
            return session_queries.llm_calls(connection, session_id, open_only=open_only)

    def append_messages(self, session_id: str, start: int, encoded: Sequence[bytes]) -> None:
        """Make these the session's messages from position `start` on, in one transaction.

        What stood there is replaced, as by a compaction; an empty sequence cuts the log off. Raises StorageError where
        it would leave a gap.
        """
        with self._writing(f"messages of {session_id}") as connection:
            messages.append(connection, session_id, start, encoded)

    def messages(self, session_id: str, *, replaced: bool = False) -> list[bytes]:
        """The session's messages; with `replaced` everything ever written, once each, in the order it was."""
        with self._reading() as connection:
            return messages.read(connection, session_id, replaced=replaced)

    def save_head(self, session_id: str, blob: bytes) -> None:
        """Keep where the session's conversation stands, in place of what was kept before."""
        with self._writing(f"the head of {session_id}") as connection:
            messages.save_head(connection, session_id, blob)

    def head(self, session_id: str) -> bytes | None:
        """What `save_head` kept last, if anything."""
        with self._reading() as connection:
            return messages.head(connection, session_id)

    # The library

    def papers_named(self, ids: Iterable[PaperIds]) -> tuple[KeptPaper, ...]:
        """The papers that are kept under any of these ids, oldest first."""
        with self._reading() as connection:
            return library_queries.named(connection, ids)

    def papers_titled(self, title: str) -> tuple[KeptPaper, ...]:
        """The papers that are kept under this title, whatever its signs and capitals, oldest first."""
        with self._reading() as connection:
            return library_queries.titled(connection, title)

    def library_entries(self, query: Query) -> tuple[LibraryEntry, ...]:
        """The newest entries of the library; of the query only filters and limit count."""
        with self._reading() as connection:
            return library_queries.entries(connection, query)

    def count_papers(self, query: Query) -> int:
        """How many entries the query's filters let pass."""
        with self._reading() as connection:
            return library_queries.count(connection, query)

    def search_papers(self, query: Query) -> Matches:
        """The kept papers in which the query's words occur, best first."""
        with self._reading() as connection:
            return library_queries.search(connection, query)

    def marked_papers(self, query: Query) -> tuple[MarkedPaper, ...]:
        """As `search_papers`, with the texts in which the words were found."""
        with self._reading() as connection:
            return library_queries.marked(connection, query)

    # Metric curves

    def metrics_offset(self, run_id: str) -> int:
        """How many bytes of the run's metrics.jsonl are in its curves."""
        files = tables.metric_files
        with self._reading() as connection:
            read_to: int | None = connection.scalar(select(files.c.read_to).where(files.c.run_id == run_id))
        return read_to or 0

    def fold_metrics(self, run_id: str, offset: int, points: Sequence[MetricPoint]) -> None:
        """Add points to the run's curves, and note that metrics.jsonl is read up to `offset`, both or neither.

        The same offset again changes nothing, so points are never counted twice. A smaller one means that the file
        was replaced, as by a new attempt of the run: its curves start anew.
        """
        from labwright.ledger import curves  # noqa: PLC0415  numpy; most commands read no curve

        files, stored = tables.metric_files, tables.curves
        series = curves.by_metric(points)
        with self._writing() as connection:
            read_to = connection.scalar(select(files.c.read_to).where(files.c.run_id == run_id))
            if read_to is None:
                connection.execute(files.insert(), {"run_id": run_id, "read_to": offset})
            elif offset == read_to:
                return
            else:
                connection.execute(files.update().where(files.c.run_id == run_id).values(read_to=offset))
            if read_to is not None and offset < read_to:
                connection.execute(stored.delete().where(stored.c.run_id == run_id))
            rows = connection.execute(
                select(stored).where(stored.c.run_id == run_id, stored.c.metric.in_(list(series)))
            )
            known = {row.metric: curves.Index(row.width, row.points, row.buckets) for row in rows}
            for metric, (steps, values) in series.items():
                index = curves.extend(known.get(metric, curves.Index()), steps, values)
                columns = {"width": index.width, "points": index.points, "buckets": index.buckets}
                if metric in known:
                    mine = (stored.c.run_id == run_id, stored.c.metric == metric)
                    connection.execute(stored.update().where(*mine).values(**columns))
                else:
                    connection.execute(stored.insert(), {"run_id": run_id, "metric": metric, **columns})

    def curve(self, run_id: str, metric: str) -> Curve:
        """One metric of a run, in at most 1024 buckets; without points where there are none."""
        return next((c for c in self._curves(run_id, metric)), Curve(run_id, metric, ()))

    def curves(self, run_id: str) -> tuple[Curve, ...]:
        """All metrics of a run, by name."""
        return self._curves(run_id, None)

    def _curves(self, run_id: str, metric: str | None) -> tuple[Curve, ...]:
        from labwright.ledger import curves  # noqa: PLC0415  numpy; most commands read no curve

        stored = tables.curves
        chosen = select(stored).where(stored.c.run_id == run_id).order_by(stored.c.metric)
        if metric is not None:
            chosen = chosen.where(stored.c.metric == metric)
        with self._reading() as connection:
            rows = connection.execute(chosen).all()
        return tuple(curves.read(run_id, r.metric, curves.Index(r.width, r.points, r.buckets)) for r in rows)


def _page(
    connection: Connection, after: int, limit: int | None, *, study_id: str | None, every: bool
) -> list[tuple[Recorded, str]]:
    """Events with their text: everyone's, or those of `study_id`, where None is what belongs to no study."""
    events = tables.events
    chosen = select(events).where(events.c.seq > after).order_by(events.c.seq).limit(limit)
    if not every:
        chosen = chosen.where(events.c.study_id == study_id)
    return [(queries.parse_any(row), row.body) for row in connection.execute(chosen)]
