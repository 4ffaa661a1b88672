"""What a person may name as data: files, globs, directories, datasets on the Hub; each becomes a `Table`.

    with Scratch() as scratch:
        loaded = open_source("data/train.jsonl").load(scratch)
        scratch.connection.sql(f"SELECT count(*) FROM {loaded.relation} WHERE length(prompt) > 9000")

`Table.rows()` streams in Python and keeps all; `Table.load()` is for SQL over tables larger than memory.
"""

from labwright.data.sources.datafile import DataFile
from labwright.data.sources.hub import HubAccess
from labwright.data.sources.opening import open_source
from labwright.data.sources.scratch import Scratch, literal, quoted
from labwright.data.sources.table import Loaded, Table

__all__ = ["DataFile", "HubAccess", "Loaded", "Scratch", "Table", "literal", "open_source", "quoted"]
