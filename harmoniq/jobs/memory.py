"""How much memory this process and its children hold, and whether the kernel killed one of them for it."""

import re
from pathlib import Path

_PROC = Path("/proc")


def tree_gb() -> float:
    """Return how much memory this process and all below it hold.

    Returns
    -------
    float
        In GB (1024³ bytes); a page that several share is counted once.
    """
    import psutil

    total = 0
    me = psutil.Process()
    for process in (me, *me.children(recursive=True)):
        total += _proportional_bytes(process.pid)
    return total / 1024**3


def _proportional_bytes(pid: int) -> int:
    try:
        found = re.search(r"^Pss:\s+(\d+) kB", (_PROC / str(pid) / "smaps_rollup").read_text(), re.MULTILINE)
    except OSError:  # it has ended
        return 0
    return int(found[1]) * 1024 if found else 0


def oom_kills() -> int:
    """Return how often the kernel has killed a process of this one's control group for want of memory.

    Returns
    -------
    int
        Since the group was made; 0 where the kernel does not tell.
    """
    try:
        lines = (_PROC / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return 0
    count = 0
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            counter = Path("/sys/fs/cgroup" + path) / "memory.events"
        elif "memory" in controllers.split(","):
            counter = Path("/sys/fs/cgroup/memory" + path) / "memory.oom_control"
        else:
            continue
        try:
            found = re.search(r"^oom_kill (\d+)", counter.read_text(), re.MULTILINE)
        except OSError:
            continue
        count += int(found[1]) if found else 0
    return count
