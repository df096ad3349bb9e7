"""A standard output of any encoding: what it cannot show is written in plainer signs, and nothing dies of it."""

import codecs
import sys
import unicodedata
from io import TextIOWrapper

_PLAINER = {"≤": "<=", "≥": ">=", "–": "-", "—": "-", "−": "-", "×": "x", "µ": "u", "μ": "u", "…": "...", "→": "->"}  # noqa: RUF001
_HANDLER = "agentsim-plainer"


def show_all_signs() -> None:
    """Makes standard output and error write any text."""
    codecs.register_error(_HANDLER, _in_plainer_signs)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def _in_plainer_signs(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_plainer(sign) for sign in error.object[error.start : error.end]), error.end


def _plainer(sign: str) -> str:
    """A sign in ASCII, without its accents if it is a letter; `-` for lines of tables, `?` for all else."""
    if sign in _PLAINER:
        return _PLAINER[sign]
    if unicodedata.name(sign, "").startswith("BOX DRAWINGS"):
        return "-"
    letters = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode("ascii")
    return letters or "?"
