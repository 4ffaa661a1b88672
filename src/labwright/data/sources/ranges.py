"""A file on the Hub as a seekable stream: only the ranges that are read are fetched, through the one polite client."""

from __future__ import annotations

import io
import re
from collections import OrderedDict

from labwright.contracts.errors import DataError, ServiceError
from labwright.contracts.http import Fetcher, Page, Service

_BLOCK = 1 << 22
_BLOCKS_KEPT = 8
_TOTAL = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Ranges(io.RawIOBase):
    """Reads in blocks of 4 MiB, keeps the last eight; a file that changes while it is read is an error.

    Raises:
        ServiceError: the service refused or failed.
        DataError: the file changed, or the service sends no ranges of it.
    """

    def __init__(self, fetcher: Fetcher, service: Service, url: str, name: str) -> None:
        self._fetcher, self._service, self._url, self._name = fetcher, service, url, name
        self._kept: OrderedDict[int, bytes] = OrderedDict()
        self._at, self._tag = 0, ""
        self._size: int | None = None
        self._block(0)  # tells the size, and whether it may be read at all

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """The place of the next byte."""
        return self._at

    def size(self) -> int:
        """In bytes."""
        return self._size or 0

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """See io.IOBase."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size()}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Up to the end of a block: the buffered layer above asks again."""
        if self._at >= self.size() or not len(buffer):
            return 0
        block, within = divmod(self._at, _BLOCK)
        piece = self._block(block)[within : within + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _block(self, index: int) -> bytes:
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index]
        first = index * _BLOCK
        last = first + _BLOCK - 1 if self._size is None else min(first + _BLOCK, self._size) - 1
        page = self._ask(first, last)
        body = self._checked(page, first)
        self._kept[index] = body
        if len(self._kept) > _BLOCKS_KEPT:
            self._kept.popitem(last=False)
        return body

    def _ask(self, first: int, last: int) -> Page:
        try:
            return self._fetcher.get(
                self._service, self._url, headers={"range": f"bytes={first}-{last}"}, most_bytes=2 * _BLOCK
            )
        except ServiceError as error:
            if error.status == 416 and first == 0:  # an empty file has no first byte
                return Page(self._url, 206, {"content-range": "bytes 0-0/0"}, b"", self._service.name)
            raise

    def _checked(self, page: Page, first: int) -> bytes:
        if page.status != 206:
            if first == 0 and len(page.body) <= _BLOCK:  # the whole of a small file
                self._size = len(page.body)
                return page.body
            raise self._odd("the service sends no parts of this file", "download it and name the local file")
        found = _TOTAL.fullmatch(page.headers.get("content-range", "").strip())
        if found is None or int(found[1]) != first:
            raise self._odd("the service sent another part than was asked for", "try again later")
        total, tag = int(found[3]), page.headers.get("etag", "")
        if self._size is not None and (total != self._size or tag != self._tag):
            raise self._odd("the file changed while it was read", "start again")
        self._size, self._tag = total, tag
        expected = min(_BLOCK, max(0, total - first))
        if len(page.body) != expected:
            raise self._odd(f"{len(page.body):,} bytes came, not {expected:,}", "try again later")
        return page.body

    def _odd(self, what: str, cure: str) -> DataError:
        return DataError(what, where=self._name, cure=cure)
