"""Pictures for tests: good ones, drawn by Pillow, and bad ones."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

from PIL import Image


def picture_file(kind: str = "PNG", size: tuple[int, int] = (48, 32), **options: Any) -> bytes:
    """A file with a picture of this kind ("PNG", "JPEG", "GIF"); `mode` is Pillow's, `color` what
    fills it, and other options are those of its writer."""
    mode, color = options.pop("mode", "RGB"), options.pop("color", 0)
    file = io.BytesIO()
    Image.new(mode, size, color).save(file, kind, **options)
    return file.getvalue()


def png_bomb(side: int) -> bytes:
    """A PNG file of 100 bytes whose header promises side × side pixels, four bytes each."""
    header = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
PICTURE = picture_file()
ANIMATION = picture_file(save_all=True, append_images=[Image.new("RGB", (48, 32), "red")])
BAD_PICTURES = (
    (b"", "picture-format"),
    (SVG, "picture-format"),
    (picture_file("GIF"), "picture-format"),
    (picture_file("WEBP"), "picture-format"),
    (ANIMATION, "picture-format"),
    (PICTURE[:20], "picture-format"),
    (PICTURE[:60], "picture-broken"),
    (picture_file("JPEG", (400, 400))[:-900], "picture-broken"),
    *((png_bomb(side), "picture-side") for side in (2001, 10_000, 20_000, 2**31 - 1)),
    (png_bomb(2000), "picture-broken"),
    (picture_file("PNG", (40_000, 1)), "picture-side"),
    (picture_file("PNG", (1, 1)), "picture-side"),
    (PICTURE + bytes(513 * 1024 - len(PICTURE)), "picture-large"),
)
"""Files that are no logo, and why."""
