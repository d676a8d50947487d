"""Unpack a usage file: its kind by the first bytes, its digest and encoding in one pass."""

from __future__ import annotations

import codecs
import errno
import hashlib
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from portal.usage_files.faults import Fault, UsageFileError

CHUNK = 1024 * 1024
MAX_BYTES = 16 * 1024**3
"""The size of a file, unpacked."""
MAX_RATIO = 250
"""A gzip file that unpacks to more than this times its size is refused; FOCUS files reach 40."""
SPARE_BYTES = 64 * 1024**2
"""Unpacked size that is not compared with MAX_RATIO."""
GZIP, PARQUET = b"\x1f\x8b", b"PAR1"
ZIP, OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class FileFacts(NamedTuple):
    """A file as delivered: `size` in bytes; `path` is what is read, unpacked."""

    name: str
    sha256: str
    size: int
    path: Path
    is_parquet: bool


def digest_of(path: Path) -> str:
    """The SHA-256 of the file as it is."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def unpack(path: Path, folder: Path, *, name: str = "", max_bytes: int = MAX_BYTES) -> FileFacts:
    """Check the file in one pass, and unpack gzip into `folder`. Raises UsageFileError, OSError."""
    name = name or path.name
    with path.open("rb") as content:
        first = content.read(4)
        content.seek(0)
        if not first:
            raise UsageFileError(Fault.EMPTY, file=name)
        _refuse_kind(first, name)
        if first == PARQUET:
            return FileFacts(name, digest_of(path), path.stat().st_size, path, is_parquet=True)
        reader = _Reader(content, name, max_bytes)
        if not first.startswith(GZIP):
            reader.read_plain()
            return FileFacts(name, reader.sha256, reader.size, path, is_parquet=False)
        target = folder / f"unpacked-{len(list(folder.iterdir()))}"
        try:
            with target.open("wb") as unpacked:
                reader.read_gzip(unpacked)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise UsageFileError(Fault.NO_SPACE, file=name) from error
        with target.open("rb") as unpacked:
            is_parquet = unpacked.read(4) == PARQUET
        return FileFacts(name, reader.sha256, reader.size, target, is_parquet)


def _refuse_kind(first: bytes, name: str) -> None:
    if first in (ZIP, OLE):
        raise UsageFileError(Fault.EXCEL, file=name)
    if first.startswith(UTF16):
        raise UsageFileError(Fault.UTF16, file=name)


class _Reader:
    """Reads a file once: digest of what is delivered, checks of what is unpacked."""

    def __init__(self, content: BinaryIO, name: str, max_bytes: int) -> None:
        self.content, self.name, self.max_bytes = content, name, max_bytes
        self.digest, self.size, self.unpacked = hashlib.sha256(), 0, 0
        self.decoder: Any = codecs.getincrementaldecoder("utf-8")()
        self.is_text = True

    @property
    def sha256(self) -> str:
        return self.digest.hexdigest()

    def read_plain(self) -> None:
        while chunk := self._next():
            self._check(chunk)
        self._end()

    def read_gzip(self, target: BinaryIO) -> None:
        """Unpack all members. zlib compares their CRC and length."""
        stream, data, is_first = zlib.decompressobj(31), self._next(), True
        while data or not stream.eof:
            if not data and not (data := self._next()):
                raise UsageFileError(Fault.GZIP_CUT, file=self.name)
            if stream.eof:
                stream = zlib.decompressobj(31)
            try:
                chunk = stream.decompress(data, CHUNK)
            except zlib.error:
                raise UsageFileError(Fault.GZIP_BROKEN, file=self.name) from None
            if is_first and chunk:
                _refuse_kind(chunk[:4], self.name)
                self.is_text, is_first = not chunk.startswith(PARQUET), False
            self._check(chunk)
            target.write(chunk)
            # Zeros may pad the end of a member (RFC 1952 leaves it to the medium).
            rest = stream.unused_data.lstrip(b"\0") if stream.eof else stream.unconsumed_tail
            data = rest or self._next()
        self._end()

    def _next(self) -> bytes:
        chunk = self.content.read(CHUNK)
        self.digest.update(chunk)
        self.size += len(chunk)
        return chunk

    def _check(self, chunk: bytes) -> None:
        self.unpacked += len(chunk)
        is_bomb = self.unpacked > MAX_RATIO * self.size + SPARE_BYTES
        if self.unpacked > self.max_bytes or is_bomb:
            most = self.max_bytes // 1024**2
            raise UsageFileError(Fault.TOO_LARGE, file=self.name, most=most)
        if not self.is_text:
            return
        if b"\0" in chunk:
            raise UsageFileError(Fault.NUL, file=self.name)
        if chunk.isascii() and not self.decoder.getstate()[0]:
            return
        self._decode(chunk, final=False)

    def _end(self) -> None:
        if self.is_text:
            self._decode(b"", final=True)
        if not self.unpacked:
            raise UsageFileError(Fault.EMPTY, file=self.name)

    def _decode(self, chunk: bytes, *, final: bool) -> None:
        try:
            self.decoder.decode(chunk, final)
        except UnicodeDecodeError:
            raise UsageFileError(Fault.NOT_UTF8, file=self.name) from None
