"""Pictures: PNG and JPEG files, decoded and written again without metadata."""

from __future__ import annotations

import io
from dataclasses import dataclass
from enum import StrEnum

from PIL import Image, ImageOps

from portal.domain.errors import Code
from portal.domain.values.invalid import Invalid

PICTURE_BYTES = 512 * 1024
MIN_SIDE, MAX_SIDE = 16, 2000  # pixels of a file; decoded, four million of them are 16 MB
STORED_SIDE = 800  # pixels: 68 mm at 300 dpi


class PictureType(StrEnum):
    """Media types of pictures, by Pillow's names."""

    PNG = "image/png"
    JPEG = "image/jpeg"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as stored: at most STORED_SIDE pixels on each side, without metadata."""

    content: bytes
    type: PictureType


def picture_too_large() -> Invalid:
    """Return the refusal of a file that is larger than PICTURE_BYTES."""
    return Invalid(Code.PICTURE_LARGE, most=PICTURE_BYTES // 1024)


def picture(content: bytes) -> Picture:
    """Decode a PNG or JPEG file, decided by its bytes, and write its pixels to a new one.

    The orientation of a photo is applied; a larger picture is scaled down. Raises
    Invalid("picture-large", "picture-format", "picture-side", "picture-broken").
    """
    if len(content) > PICTURE_BYTES:
        raise picture_too_large()
    try:
        # Reads the header alone; decompresses no pixels.
        image: Image.Image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG"))
        is_animated = image.format == "PNG" and getattr(image, "is_animated", False)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Invalid(Code.PICTURE_SIDE, least=MIN_SIDE, most=MAX_SIDE) from error
    except Exception as error:  # Pillow raises whatever a broken file leads to
        raise Invalid(Code.PICTURE_FORMAT) from error
    if is_animated:
        raise Invalid(Code.PICTURE_FORMAT)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in image.size):
        raise Invalid(Code.PICTURE_SIDE, least=MIN_SIDE, most=MAX_SIDE)
    try:
        return _write(image, PictureType.PNG if image.format == "PNG" else PictureType.JPEG)
    except Exception as error:  # as above
        raise Invalid(Code.PICTURE_BROKEN) from error


def _write(image: Image.Image, type_: PictureType) -> Picture:
    ImageOps.exif_transpose(image, in_place=True)
    if image.mode == "I;16":  # 16 bits of grey, which `convert` would clip
        image = image.point(lambda level: level / 256).convert("L")
    pixels = image.convert("RGBA" if type_ is PictureType.PNG else "RGB")
    pixels.thumbnail((STORED_SIDE, STORED_SIDE))
    pixels.info = {}  # or Pillow writes the comment and the colour profile again
    file = io.BytesIO()
    pixels.save(file, type_.name, quality=90, optimize=True)
    return Picture(file.getvalue(), type_)
