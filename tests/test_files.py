"""Files appear whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from kernelc.errors import InputError
from kernelc.files import atomic_path, atomic_write_text


def test_the_file_appears_with_its_text_and_nothing_beside_it(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "k.py", "ρ = 1\n")
    assert (tmp_path / "k.py").read_bytes() == "ρ = 1\n".encode()
    assert os.listdir(tmp_path) == ["k.py"]


def _fail_half_way(target: Path, failure: type[BaseException]) -> None:
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        raise failure


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt, SystemExit])
def test_a_failure_leaves_the_folder_as_it_was(tmp_path: Path, failure: type[BaseException]) -> None:
    target = tmp_path / "k.npy"
    target.write_text("before")
    with pytest.raises(failure):
        _fail_half_way(target, failure)
    assert target.read_text() == "before"
    assert os.listdir(tmp_path) == ["k.npy"]


def test_the_destination_is_untouched_until_the_end(tmp_path: Path) -> None:
    target = tmp_path / "k.npy"
    with atomic_path(target) as temporary:
        temporary.write_text("all")
        assert temporary.parent == tmp_path
        assert not target.exists()
    assert target.read_text() == "all"


def test_permissions_are_those_of_the_file_replaced_or_the_usual_ones(tmp_path: Path) -> None:
    usual, private = tmp_path / "usual", tmp_path / "private"
    (tmp_path / "plain").touch()
    private.touch(mode=0o600)
    for path in (usual, private):
        atomic_write_text(path, "")
    assert usual.stat().st_mode == (tmp_path / "plain").stat().st_mode
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


def test_a_symbolic_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    atomic_write_text(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


@pytest.mark.parametrize(
    ("destination", "message"),
    [
        ("nowhere/k.py", "there is no folder"),
        (".", "it is a folder"),
        ("/dev/null", "device"),
        ("n" * 300, "cannot write"),
        ("/", "it is a folder"),
    ],
)
def test_impossible_destinations_are_refused_before_any_work(tmp_path: Path, destination: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        atomic_write_text(tmp_path / destination, "text")
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_file_is_not_replaced(tmp_path: Path) -> None:
    target = tmp_path / "k.py"
    target.write_text("before")
    target.chmod(0o444)
    with pytest.raises(InputError, match="read-only"):
        atomic_write_text(target, "after")
    assert target.read_text() == "before"
