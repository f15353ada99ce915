"""Run a tutorial as a reader would: the commands of its console blocks, one after the other, in an empty folder."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """Yield each command of the console blocks with the output that the page shows for it."""
    for block in re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = re.sub(r"\\\n\s*", "", part).partition("\n")
            yield command, output


def files(page: Path) -> dict[str, str]:
    """Return the files that the page tells to write: TOML blocks whose first line is a comment with the name."""
    found = re.findall(r"^```toml\n# (\S+)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def run(command: str, folder: Path) -> str:
    """Return what a command prints to standard output; its progress goes to standard error, which no page shows."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=folder, capture_output=True, text=True, check=False,
        env={**os.environ, "PATH": path, "COLUMNS": "120"},
    )  # fmt: skip
    # `head` closes the pipe before `cut` has written all, which may or may not end `cut` by a signal.
    closed = 128 + signal.SIGPIPE
    assert done.returncode in ((0, closed) if "| head" in command else (0,)), f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def same(shown: str, found: str, tolerance: float = 0.02) -> bool:
    """Return whether a line is as shown: words alike, numbers within 2 %, `...` for anything.

    Compilers and processors differ in the last digits, and iterations that stop at a tolerance carry that further up.
    """
    pattern = ".*".join(re.escape(NUMBER.sub("\0", part)) for part in shown.split("..."))
    if not re.fullmatch(pattern, NUMBER.sub("\0", found)):
        return False
    if "..." in shown:
        return True
    pairs = zip(NUMBER.findall(shown), NUMBER.findall(found))
    return all(abs(float(a) - float(b)) <= tolerance * max(abs(float(a)), 0.05) for a, b in pairs)


def follows(shown: str, found: str) -> bool:
    """Return whether an output is as shown; a line `...` stands for any number of lines."""
    wanted, lines = [line.split() for line in shown.splitlines()], [line.split() for line in found.splitlines()]

    def match(i: int, j: int) -> bool:
        if i == len(wanted):
            return j == len(lines)
        if wanted[i] == ["..."]:
            return any(match(i + 1, k) for k in range(j, len(lines) + 1))
        return j < len(lines) and same(" ".join(wanted[i]), " ".join(lines[j])) and match(i + 1, j + 1)

    return match(0, 0)
