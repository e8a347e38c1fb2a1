"""docs/studies.md: what its default commands print is what the page says that they print."""

import re
from pathlib import Path

import pytest

from kernelc.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "studies.md"
BLOCKS = re.compile(r"^```sh\nkernelc ([^\n]*)\n```\n\n```text\n(.*?)^```$", re.M | re.S)
OUTPUTS = BLOCKS.findall(PAGE.read_text(encoding="utf-8"))


def test_every_study_is_on_the_page() -> None:
    assert [command for command, _ in OUTPUTS] == ["study rate", "study lemma2", "study drift", "study jacot"]


@pytest.mark.slow
@pytest.mark.parametrize(("command", "expected"), OUTPUTS, ids=[command for command, _ in OUTPUTS])
def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str], command: str, expected: str) -> None:
    assert main(command.split()) == 0
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == expected.splitlines()
