"""What bytes of a repository are: text, something binary, or a Git LFS pointer that stands for a file elsewhere."""

from __future__ import annotations

import codecs
import re
from typing import Final

from labwright.contracts.repositories import FileKind, FileText, Place

MOST_BYTES: Final = 8_000_000
"""The largest file that is read. Code and notebooks are smaller; data is read by other means."""

_LOOKED_AT = 8192
_LFS_HEAD = b"version https://git-lfs.github.com/spec/"
_LFS_MOST = 1024
_LFS_SIZE = re.compile(r"^size (\d+)\s*$", re.MULTILINE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_BINARY_SUFFIX: Final = re.compile(
    r"\.(?:7z|arrow|avi|bin|bmp|bz2|ckpt|dll|dylib|exe|feather|flac|gguf|gif|gz|h5|ico|jpe?g|lz4|mkv|mov|mp[34]|msgpack"
    r"|np[yz]|od[tp]|o|ogg|onnx|parquet|pdf|pickle|pkl|png|pth?|pyc|rar|safetensors|so|tar|tflite|tgz|tiff?|ttf|wasm|wav"
    r"|web[mp]|whl|woff2?|xlsx|xz|zip|zst)$",
    re.IGNORECASE,
)


def is_binary_name(path: str) -> bool:
    """Whether a file of this name is never text, so that it need not be fetched to know."""
    return _BINARY_SUFFIX.search(path) is not None


def file_text(place: Place, data: bytes, url: str = "") -> FileText:
    """The file that these bytes are."""
    if data.startswith(_LFS_HEAD) and len(data) <= _LFS_MOST:
        pointer = data.decode("utf-8", errors="replace")
        size = _LFS_SIZE.search(pointer)
        told = f" of {readable_size(int(size[1]))}" if size else ""
        remark = f"this is a Git LFS pointer: the file itself{told} lies outside the repository and was not fetched"
        return FileText(place, pointer, FileKind.LFS_POINTER, len(data), url, (remark,))
    encoding = "utf-16" if data.startswith(_UTF16) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in data[:_LOOKED_AT]:
        return binary(place, len(data), url)
    remarks: tuple[str, ...] = ()
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        text = data.decode(encoding, errors="replace")
        remarks = ("some bytes are no text in UTF-8 and are shown as \ufffd",)
    return FileText(place, text.replace("\r\n", "\n"), FileKind.TEXT, len(data), url, remarks)


def binary(place: Place, size: int | None, url: str = "") -> FileText:
    """A file that is no text; its bytes need not have been fetched."""
    told = f" ({readable_size(size)})" if size else ""
    return FileText(place, "", FileKind.BINARY, size or 0, url, (f"this is a binary file{told}: it has no lines",))


def readable_size(size: int) -> str:
    """Such as 1.2 MB."""
    for unit, width in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= width:
            return f"{size / width:.1f} {unit}"
    return f"{size} bytes"
