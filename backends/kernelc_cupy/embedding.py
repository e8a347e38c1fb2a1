"""The files of this package that modules embed, as text: emitting a module needs no CuPy."""

import importlib.resources


def own_text(name: str) -> str:
    """The text of a file of this package."""
    return (importlib.resources.files(__package__) / name).read_text(encoding="utf-8")
