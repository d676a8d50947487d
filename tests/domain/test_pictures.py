"""Logos are written again: the pixels stay, and nothing else that was in the file."""

from __future__ import annotations

import io
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from portal.domain import values
from portal.domain.values import PICTURE_BYTES
from tests.support.logos import picture_file

SCRIPT = "<script>alert(1)</script>"


def written(content: bytes) -> Image.Image:
    """The picture that is stored for a file."""
    return Image.open(io.BytesIO(values.picture(content).content))


def exif(orientation: int = 1) -> Image.Exif:
    data = Image.Exif()
    data[0x010E] = SCRIPT  # ImageDescription
    data[0x0112] = orientation
    return data


def text_chunk() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SCRIPT)
    return info


METADATA: dict[str, tuple[str, dict[str, Any]]] = {
    "EXIF": ("JPEG", {"exif": exif()}),
    "comment": ("JPEG", {"comment": SCRIPT.encode()}),
    "XMP": ("JPEG", {"xmp": SCRIPT.encode()}),
    "profile": ("JPEG", {"icc_profile": SCRIPT.encode()}),
    "EXIF of PNG": ("PNG", {"exif": exif()}),
    "text": ("PNG", {"pnginfo": text_chunk()}),
    "profile of PNG": ("PNG", {"icc_profile": SCRIPT.encode(), "compress_level": 0}),
}


@pytest.mark.parametrize(("kind", "options"), METADATA.values(), ids=METADATA)
def test_metadata_is_dropped(kind: str, options: dict[str, Any]) -> None:
    content = picture_file(kind, **options)
    assert Image.open(io.BytesIO(content)).info.keys() - {"jfif", "jfif_version", "jfif_unit"}
    stored = values.picture(content)
    assert SCRIPT.encode() not in stored.content
    left = Image.open(io.BytesIO(stored.content)).info.keys()
    assert {key for key in left if not key.startswith("jfif")} == set()


def test_what_follows_the_picture_in_the_file_is_dropped() -> None:
    assert SCRIPT.encode() not in values.picture(picture_file() + SCRIPT.encode()).content


@pytest.mark.parametrize(
    ("kind", "mode", "color", "shown"),
    [
        ("PNG", "RGBA", (200, 30, 30, 128), (200, 30, 30, 128)),
        ("PNG", "L", 77, (77, 77, 77, 255)),
        ("PNG", "1", 1, (255, 255, 255, 255)),
        ("PNG", "P", 0, (0, 0, 0, 255)),
        ("PNG", "I;16", 0x4D00, (77, 77, 77, 255)),
        ("JPEG", "L", 77, (77, 77, 77)),
        ("JPEG", "CMYK", (0, 255, 255, 0), (255, 0, 0)),
    ],
)
def test_every_kind_of_pixel_keeps_its_colour(
    kind: str, mode: str, color: Any, shown: tuple[int, ...]
) -> None:
    stored = written(picture_file(kind, mode=mode, color=color))
    assert (stored.format, stored.size) == (kind, (48, 32))
    pixel = stored.getpixel((24, 16))
    assert isinstance(pixel, tuple)
    assert all(abs(one - other) < 3 for one, other in zip(pixel, shown, strict=True))


def test_a_photo_is_turned_upright_and_a_large_one_scaled_down() -> None:
    content = picture_file("JPEG", (1600, 400), exif=exif(orientation=6))
    assert written(content).size == (200, 800)


@pytest.mark.parametrize("side", [16, 2000])
def test_the_bounds_are_accepted(side: int) -> None:
    assert written(picture_file(size=(side, 16))).size[0] == min(side, 800)


def test_a_file_of_512_kb_is_accepted() -> None:
    content = picture_file()
    assert written(content + bytes(PICTURE_BYTES - len(content))).size == (48, 32)
