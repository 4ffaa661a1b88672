"""What is odd about a training set, before a run is spent on it.

Two sizes. `audit` and `audit_rows` are for a study's own rows, which fit in memory, and give the study's brief
`Finding`s. `full.audit_table` is for whatever `data/sources` opens, larger than memory too: detectors over a scratch
database, a score, a verdict (`contracts/data.py`, AuditReport). It loads DuckDB, so a study does not import it.
"""

from labwright.data.audit.small import audit, audit_rows

__all__ = ["audit", "audit_rows"]
