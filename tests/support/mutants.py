"""Mutation testing of the core: ``make mutants``. Takes some minutes, and is not part of CI.

mutmut changes a copy of the core, one small change at a time, and runs its tests on each. A change that no test notices
has survived. This fails when a survivor does not stand in docs/testing.md, line for line, under the reason why.
"""

import json
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

_DOCUMENT: Final = Path("docs/testing.md")
_A_SENTENCE = 3  # words; how the API words it is no behaviour, what it fills in is


def main() -> int:
    """Run every mutant, print the figures and each survivor that nobody has explained, and return an exit code."""
    multiprocessing.set_start_method("fork")  # the operators below are changed in this process
    _leave_sentences_alone()
    import_module("mutmut.__main__").cli(["run", *sys.argv[1:]], standalone_mode=False)
    outcomes = _outcomes()
    counted = Counter(outcomes.values())
    print(f"{len(outcomes)} mutants:", ", ".join(f"{count} {outcome}" for outcome, count in counted.most_common()))
    explained = {line.strip() for line in _DOCUMENT.read_text(encoding="utf-8").splitlines()}
    survivors = {name: _changed(name) for name, outcome in outcomes.items() if outcome not in {"killed", "timeout"}}
    unexplained = {name: line for name, line in survivors.items() if line not in explained}
    for name, line in unexplained.items():
        print(f"{outcomes[name]}, and not in {_DOCUMENT}: {name}\n    {line}")
    print(f"{len(survivors) - len(unexplained)} survivors are explained in {_DOCUMENT}, {len(unexplained)} are not.")
    return 1 if unexplained else 0


def _leave_sentences_alone() -> None:
    operators: list[tuple[type, Callable[[Any], Iterable[Any]]]] = import_module(
        "mutmut.mutation.mutators"
    ).mutation_operators
    (place,) = [place for place, (_kind, operator) in enumerate(operators) if operator.__name__ == "operator_string"]
    kind, mutate = operators[place]

    def mutate_words(node: Any) -> Iterable[Any]:
        return () if len(str(getattr(node, "value", "")).split()) >= _A_SENTENCE else mutate(node)

    operators[place] = (kind, mutate_words)


def _outcomes() -> dict[str, str]:
    status = import_module("mutmut.stats").status_by_exit_code
    files = [json.loads(path.read_text(encoding="utf-8")) for path in Path("mutants").rglob("*.py.meta")]
    codes = {name: code for file in files for name, code in file["exit_code_by_key"].items()}
    return {name: status[code] for name, code in codes.items() if code is not None}  # None: not asked for


def _changed(name: str) -> str:
    """Return the lines of a mutant that differ from ours, as one."""
    diff: str = import_module("mutmut.mutation.diff_apply").get_diff_for_mutant(name)
    lines = [line[1:].strip() for line in diff.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return " ".join(lines)


if __name__ == "__main__":
    sys.exit(main())
