"""Small pictures, written from plain pixels."""

import io

from PIL import Image

QUALITY = 82


def jpeg(mode: str, width: int, height: int, pixels: bytes) -> bytes:
    """Return the pixels as a JPEG with nothing beside them; raises ValueError where they do not fill the picture."""
    written = io.BytesIO()
    Image.frombytes(mode, (width, height), pixels).save(written, "JPEG", quality=QUALITY)
    return written.getvalue()
