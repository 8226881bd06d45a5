"""Writers who share one commit when something breaks off: nobody is told that it stands, and the next one can write."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import pytest

from kaltalk_iv.store.compiled import Compiled, Values
from kaltalk_iv.store.connections import Connections
from kaltalk_iv.store.database import UNAVAILABLE
from kaltalk_iv.store.turns import Place
from tests.store.line import Line, ids
from tests.store.notes import ADD_NOW, Sent, note, transaction, write

FULL: Final = sqlite3.OperationalError("database or disk is full")


def test_nobody_is_told_before_the_commit_and_everybody_when_it_fails(sqlite: Connections, sent: Sent) -> None:
    sent.fail("COMMIT", FULL)
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD_NOW)]
        told = [pool.submit(line.first.commit), *others]
        for one in told:
            with pytest.raises(UNAVAILABLE, match="disk is full"):
                one.result(5)
    assert ids(sqlite) == []
    write(sqlite, 5)
    assert ids(sqlite) == [5]


@pytest.mark.parametrize(("word", "undoes"), [("INSERT", True), ("RELEASE", False), ("RELEASE", True)])
def test_when_all_is_undone_nobody_is_told_that_it_stands(
    sqlite: Connections, sent: Sent, word: str, *, undoes: bool
) -> None:
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        others = [line.join(write, 2, ADD_NOW), line.join(write, 3, ADD_NOW)]
        sent.fail(word, FULL, undoes=undoes)
        told = [pool.submit(line.first.commit), *others]
        outcomes = [one.exception(5) for one in told]
    stand = [number for number, error in enumerate(outcomes, start=1) if error is None]
    assert ids(sqlite) == stand
    assert isinstance(outcomes[0], UNAVAILABLE)
    assert isinstance(outcomes[1], UNAVAILABLE)
    write(sqlite, 5)
    assert ids(sqlite) == [*stand, 5]


@pytest.mark.parametrize(("word", "number"), [("RELEASE", 2), ("ROLLBACK TO", 1)])
def test_an_error_that_is_not_the_drivers_frees_the_turn_and_nobody_is_told_that_it_stands(
    sqlite: Connections, sent: Sent, word: str, number: int
) -> None:
    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        other = line.join(write, number, ADD_NOW)  # of number 1 there is one already
        sent.fail(word, MemoryError())
        first = pool.submit(line.first.commit)
        with pytest.raises(MemoryError):
            other.result(5)
        with pytest.raises(UNAVAILABLE, match="broken off"):
            first.result(5)
    assert ids(sqlite) == []
    write(sqlite, 5)
    assert ids(sqlite) == [5]


def test_when_one_is_interrupted_nobody_is_told_that_it_stands(
    sqlite: Connections, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = Compiled.rows

    def interrupted(compiled: Compiled, cursor: Any, values: Values) -> Any:
        if values.get("id") == 2:
            raise KeyboardInterrupt
        return rows(compiled, cursor, values)

    monkeypatch.setattr(Compiled, "rows", interrupted)
    with ThreadPoolExecutor(3) as pool:
        line = Line(sqlite, pool)
        second, third = line.join(write, 2), line.join(write, 3)
        first = pool.submit(line.first.commit)
        with pytest.raises(UNAVAILABLE, match="broken off"):
            first.result()
        with pytest.raises(KeyboardInterrupt):
            second.result()
        third.result()
    assert ids(sqlite) == [3]


@pytest.mark.parametrize("has_come", [False, True])
def test_one_who_is_interrupted_in_the_queue_holds_nobody_up(
    sqlite: Connections, monkeypatch: pytest.MonkeyPatch, *, has_come: bool
) -> None:
    wait = Place.wait

    def interrupted(place: Place, timeout: float) -> bool:
        monkeypatch.setattr(Place, "wait", wait)
        if has_come:
            wait(place, timeout)
        else:
            time.sleep(0.2)
        raise KeyboardInterrupt

    monkeypatch.setattr(Place, "wait", interrupted)
    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        gone = line.join(write, 2)
        first = pool.submit(line.first.commit) if has_come else None
        with pytest.raises(KeyboardInterrupt):
            gone.result()
        if first is None:
            line.first.commit()
        else:
            with pytest.raises(UNAVAILABLE, match="broken off"):
                first.result()
    write(sqlite, 3)
    assert ids(sqlite) == ([3] if has_come else [1, 3])


def test_one_who_waits_too_long_for_the_others_is_told_so(sqlite: Connections) -> None:
    may_end = threading.Event()

    def hang(connections: Connections) -> None:
        with transaction(connections) as begun:
            begun.rows(ADD_NOW, note(2))
            may_end.wait(10)

    with ThreadPoolExecutor(1) as pool:
        line = Line(sqlite, pool)
        hanging = line.join(hang)
        with pytest.raises(UNAVAILABLE, match="Others have been writing for 1 seconds"):
            line.first.commit()
        line.first.rollback()  # as a use case does then
        may_end.set()
        hanging.result()
    assert ids(sqlite) == [1, 2]


def test_a_real_disk_that_is_full_undoes_whoever_meets_it_and_no_answer_is_wrong(sqlite: Connections) -> None:
    def fill(connections: Connections) -> None:
        with transaction(connections) as begun:
            begun.rows(ADD_NOW, note(2))
            opened = begun._opened
            assert opened is not None
            pages = opened.cursor.execute("PRAGMA page_count").fetchone()[0]
            opened.cursor.execute(f"PRAGMA max_page_count={pages}")
            begun.rows(ADD_NOW, note(3, "x" * 100_000))

    with ThreadPoolExecutor(2) as pool:
        line = Line(sqlite, pool)
        full = line.join(fill)
        first = pool.submit(line.first.commit)
        with pytest.raises(UNAVAILABLE, match="full"):
            full.result()
        stands = first.exception() is None
    assert ids(sqlite) == ([1] if stands else [])
