"""Every page of the documentation does what it says: its code runs, in order, and prints what is printed there.

```python  is run; with >>> prompts its output is compared (``...`` stands for anything)
```console is run by the shell line by line after each $; its output is compared in the same way
```toml    is written to the file that the comment before it names: <!-- file: NAME -->
"""

import doctest
import os
import re
import subprocess
import sys
from pathlib import Path

import fewer
import pytest

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "backends" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NAMED = {page.relative_to(ROOT).as_posix(): page for page in PAGES}
SLOW = {f"docs/{name}.md" for name in ("check", "certificates", "new-activations", "spectrum", "studies", "speed")}
BLOCK = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>python|console|toml)\n(?P<text>.*?)^```$", re.M | re.S
)
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


@pytest.mark.parametrize("name", fewer.but(NAMED.keys() - SLOW, NAMED))
def test_the_page_is_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = NAMED[name]
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    names: dict[str, object] = {"__name__": page.stem}
    text = page.read_text(encoding="utf-8")
    for block in BLOCK.finditer(text):
        line = text.count("\n", 0, block.start()) + 1
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["kind"] == "console":
            run_console(block["text"])
        elif block["kind"] == "python" and ">>>" in block["text"]:
            run_doctest(block["text"], names, page.name, line)
        elif block["kind"] == "python":
            exec(compile(block["text"], f"{page.name}:{line}", "exec"), names)


def run_doctest(text: str, names: dict[str, object], page: str, line: int) -> None:
    test = doctest.DocTestParser().get_doctest(text, names, page, page, line)
    complaints: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=complaints.append, clear_globs=False)
    assert not complaints, "".join(complaints)
    names.update(test.globs)


def run_console(text: str) -> None:
    for example in re.split(r"^\$ ", text, flags=re.M)[1:]:
        command, _, expected = example.partition("\n")
        done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
        found = done.stdout + done.stderr
        assert not expected or doctest.OutputChecker().check_output(expected, found, FLAGS), f"$ {command}\n{found}"
        assert "Traceback" not in found, found
