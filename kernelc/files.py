"""Files that appear whole or not at all: written beside their destination under another name, then renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kernelc.errors import InputError


@contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield the path of an empty temporary file that becomes ``path`` at the end of the block.

    If the block raises, or is interrupted, the temporary file is removed and ``path`` is as it was before.
    """
    target = Path(os.path.realpath(path))
    temporary = target.parent / f".kernelc-{secrets.token_hex(6)}.tmp"  # named before it exists: no moment to leak it
    try:
        _create(temporary, target)
        yield temporary
        os.replace(temporary, target)
    finally:
        with suppress(OSError):
            temporary.unlink()


def atomic_write_text(path: str | os.PathLike[str], text: str) -> None:
    """Write ``text`` to ``path`` as UTF-8 with Unix line ends: the same text gives the same bytes everywhere."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(text.encode())


def _create(temporary: Path, target: Path) -> None:
    """Create the empty file, with the permissions of the one that it will replace."""
    try:
        _check_destination(target)
        temporary.touch(exist_ok=False)
        if target.exists():
            temporary.chmod(target.stat().st_mode & 0o7777)
    except OSError as error:
        raise InputError(f"cannot write {target}: {error.strerror}") from error


def _check_destination(target: Path) -> None:
    """Refuse a destination that a finished file cannot or must not replace."""
    if not target.parent.is_dir():
        raise InputError(f"cannot write {target}: there is no folder {target.parent}; make it first")
    if target.is_dir():
        raise InputError(f"cannot write {target}: it is a folder; name a file in it")
    if target.exists() and not target.is_file():
        raise InputError(f"cannot write {target}: it is a device or a pipe, and only a regular file can be replaced")
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(f"cannot write {target}: it is read-only")
