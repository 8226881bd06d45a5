"""What running processes cost: processor time and resident memory, read from /proc (Linux alone)."""

import os
from pathlib import Path

_TICK = 1 / os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")


def cpu_seconds(root: int) -> float:
    """Return the seconds of processor time, user and system, that ``root`` and what it started have used."""
    ticks = 0
    for pid in family(root):
        fields = _stat(pid)
        if fields:
            ticks += int(fields[11]) + int(fields[12])
            if pid == root:
                ticks += int(fields[13]) + int(fields[14])  # of those that have ended
    return ticks * _TICK


def resident_bytes(pid: int) -> int:
    """Return how much memory a process holds now (its resident set)."""
    return int((_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]) * _PAGE


def children(parent: int) -> list[int]:
    """Return the processes that ``parent`` started and that still run."""
    return [pid for pid, its_parent in _parents().items() if its_parent == parent]


def family(root: int) -> list[int]:
    """Return ``root`` and all that it started, directly or not."""
    found = [root]
    parents = _parents()
    for member in found:
        found += [pid for pid, parent in parents.items() if parent == member]
    return found


def parent_of(pid: int) -> int:
    """Return the process that started ``pid``."""
    return int(_stat(pid)[1])


def _parents() -> dict[int, int]:
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal()]
    return {pid: int(fields[1]) for pid in pids if (fields := _stat(pid))}


def _stat(pid: int) -> list[str]:
    """Return the fields of ``stat`` after the name, which may itself hold blanks and brackets; none when it ended."""
    try:
        text = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return []
    return text.rpartition(")")[2].split()
