"""Every promise of docs/security.md names the code that keeps it and tests that are there; no abuse case lacks one."""

import ast
import re
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs/security.md").read_text(encoding="utf-8")
ABUSE_CASES: Final = range(1, 51)

_PROMISE = re.compile(r"\*\*(\d+)\. [^*]+\*\*\nHeld by (.+)\nTests: (.+)", re.DOTALL)
_HEADING = re.compile(r"^\*\*(\d+)\.", re.MULTILINE)
_PLACE = re.compile(r"`([a-z_]+/[\w/.]+\.\w+)`(?: \(([^)]*)\))?")
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
_OF_A_CASE = re.compile(r"test_abuse_(\d+)_")


@cache
def names_of_tests(file_name: str) -> frozenset[str]:
    """Return the names of the tests that pytest finds in a file of ours."""
    path = ROOT / file_name
    if not path.is_file():
        return frozenset()
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return frozenset(node.name for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def holes(page: str) -> list[str]:
    """Return what is wrong with ``page``: nothing, when every promise is kept somewhere and tested."""
    promises = promises_of(page)
    found = [f"{number} is promised, but not held or tested" for number in numbers(page) if number not in promises]
    found += [f"{number} is there twice" for number in set(numbers(page)) if numbers(page).count(number) > 1]
    found += [f"abuse case {number} has no promise" for number in ABUSE_CASES if number not in numbers(page)]
    named = _TEST.findall(page)
    found += [f"there is no {file}::{test}" for file, test in named if test not in names_of_tests(file)]
    for number, (held, tests) in promises.items():
        found += [f"{number}: {text}" for text in wrong_places(held)]
        if not _TEST.search(tests) or len(_TEST.findall(tests)) != tests.count("`") // 2:
            found.append(f"{number}: names no test, or something else than tests")
    return found


def promises_of(page: str) -> dict[int, tuple[str, str]]:
    """Return by its number by what each promise is held and tested. One that is not whole is not among them."""
    whole = [_PROMISE.fullmatch(paragraph.strip()) for paragraph in page.split("\n\n")]
    return {int(found[1]): (found[2], found[3]) for found in whole if found is not None}


def numbers(page: str) -> list[int]:
    """Return the numbers of all that is promised."""
    return [int(number) for number in _HEADING.findall(page)]


def wrong_places(held: str) -> list[str]:
    """Return the files and names in them that are not there, of those by which a promise is held."""
    places = _PLACE.findall(held)
    found = [] if places else ["held by no file"]
    for file, names in places:
        path = ROOT / file
        text = path.read_text(encoding="utf-8") if path.is_file() else ""
        found += [] if text else [f"there is no {file}"]
        found += [f"{file} has no {name}" for name in re.findall(r"`(\w+)`", names) if not has_word(text, name)]
    return found


def has_word(text: str, word: str) -> bool:
    return re.search(rf"\b{word}\b", text) is not None


def test_every_promise_is_held_by_code_that_is_there_and_by_tests_that_are_there() -> None:
    assert holes(PAGE) == []
    assert len(numbers(PAGE)) >= len(ABUSE_CASES)


def test_a_test_that_is_named_after_an_abuse_case_stands_under_its_number() -> None:
    named = {number: _TEST.findall(tests) for number, (_held, tests) in promises_of(PAGE).items()}
    ours = [path.relative_to(ROOT).as_posix() for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    of_cases = [(file, test) for file in ours for test in sorted(names_of_tests(file)) if _OF_A_CASE.match(test)]

    assert len(of_cases) > 5
    for file, test in of_cases:
        case = _OF_A_CASE.match(test)
        assert case is not None
        assert (file, test) in named[int(case[1])], f"{file}::{test} belongs on the page, under {case[1]}"


SPOILT: Final = {
    "an abuse case without a promise": (r"^\*\*9\. .+?\n\n", ""),
    "a promise without tests": (r"(^\*\*9\. .+?)\nTests: .+?\n\n", r"\1\n\n"),
    "a promise with an empty list of tests": (r"(^\*\*9\. .+?\nTests:) .+?\n\n", r"\1 none yet\n\n"),
    "a promise that nothing holds": (r"(^\*\*9\. .+?)\nHeld by .+?\n", r"\1\n"),
    "a test that is not there": (r"::test_abuse_9_a_header_makes", r"::test_abuse_9_a_header_never_makes"),
    "a file of tests that is not there": (r"tests/api/test_hostile_tokens\.py", r"tests/api/test_kind_tokens.py"),
    "a file that is not there": (r"`kaltalk_iv/vault\.py`", r"`kaltalk_iv/safe.py`"),
    "a name that is not in its file": (r"\(`_check_signature`\)", r"(`_check_nothing`)"),
    "a number twice": (r"^\*\*51\.", r"**50."),
}


@pytest.mark.parametrize(("pattern", "instead"), SPOILT.values(), ids=SPOILT)
def test_a_page_with_a_hole_in_it_is_noticed(pattern: str, instead: str) -> None:
    spoilt, changes = re.subn(pattern, instead, PAGE, flags=re.MULTILINE | re.DOTALL)

    assert changes >= 1
    assert holes(spoilt) != []
