"""Which kinds of photos there are, by the endings of their names, and which of them can be read here."""

from __future__ import annotations

import functools
import importlib.util

_ALWAYS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
"""Pillow's name of each format that it reads everywhere, with the endings of its files."""
_WITH_DECODER = {"AVIF": (".avif", ".avifs"), "HEIF": (".heic", ".heif", ".hif")}
_MISSING = {"AVIF": "reading them needs a Pillow with AVIF", "HEIF": "pip install pillow-heif lets crtui read them"}


@functools.cache
def formats() -> tuple[str, ...]:
    """Pillow's names of the formats that can be read here. Decoders that are installed are registered with it."""
    from PIL import features

    found = list(_ALWAYS)
    if features.check("avif"):
        found.append("AVIF")
    if importlib.util.find_spec("pillow_heif"):
        from pillow_heif import register_heif_opener

        register_heif_opener()
        found.append("HEIF")
    return tuple(found)


def suffixes() -> tuple[str, ...]:
    """The endings, in lower case, of names of photos that can be read here."""
    known = _ALWAYS | _WITH_DECODER
    return tuple(suffix for name in formats() for suffix in known[name])


def remedy(suffix: str) -> str | None:
    """What lets crtui read a kind of photo that cannot be read here; ``None`` if nothing does."""
    return next((_MISSING[name] for name, endings in _WITH_DECODER.items() if suffix in endings), None)
