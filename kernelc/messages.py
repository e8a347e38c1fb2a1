"""What every error message is made of: where, what was found, and the remedy."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from difflib import get_close_matches
from numbers import Real

from kernelc.errors import SpecError, UnsupportedError


def did_you_mean(word: object, choices: Iterable[str]) -> str:
    """``"; did you mean 'tanh'?"`` where a choice is close to ``word``, else the empty string.

    >>> did_you_mean("tnah", ["tanh", "sin"])
    "; did you mean 'tanh'?"
    """
    by_lower = {choice.lower(): choice for choice in choices}
    close = get_close_matches(str(word)[:100].lower(), by_lower, n=1)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""


def quote(value: object) -> str:
    """``value`` as its user wrote it, cut to 100 characters."""
    try:
        text = str(value) if isinstance(value, Real | Decimal) and not isinstance(value, bool) else repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} too large to show"
    return text if len(text) <= 100 else text[:97] + "..."


@contextmanager
def located(prefix: str) -> Iterator[None]:
    """Put ``prefix`` (a file, a key path) before the message of any spec error raised inside."""
    try:
        yield
    except (SpecError, UnsupportedError) as error:
        raise type(error)(f"{prefix}{error}") from None
