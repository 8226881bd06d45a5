"""Breadth first through everything that can happen, so that what breaks a promise is found with the fewest steps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.model.alphabet import Identify, Organize, Speak, Step, Token
from tests.model.answers import Answers
from tests.model.history import History
from tests.model.promises import OF_MOMENTS, OF_STEPS, Change, Moment
from tests.model.shapes import shape_for_reader, shape_of
from tests.model.world import Outcome, Place, World

_ONE_MERGE_IN: Final = 997


class BrokenPromise(AssertionError):
    """The shortest way to a broken promise, in words."""


@dataclass(frozen=True, slots=True)
class Node:
    """A moment, what happened until then, and the way there in words."""

    place: Place
    history: History
    path: tuple[str, ...] = ()


@dataclass(slots=True)
class Walk:
    """What was walked. ``states`` are the new ones by the number of steps that they need.

    ``merged`` is a sample of pairs that were taken for the same.
    """

    states: list[int] = field(default_factory=list)
    steps: int = 0
    verified: int = 0
    refused: int = 0
    lines_read: int = 0
    merged: list[tuple[Node, Node]] = field(default_factory=list)

    def __str__(self) -> str:
        by_length = ", ".join(map(str, self.states))
        return (
            f"{self.steps} steps from {sum(self.states)} states (new ones by length: {by_length}); "
            f"{self.verified} verified, {self.refused} refused, {self.lines_read} lines read"
        )

    def count(self, outcome: Outcome) -> None:
        """Count a step."""
        self.steps += 1
        self.verified += outcome.answer is not None and outcome.answer.state == "verified"
        self.refused += outcome.refused is not None


def walk(world: World, alphabet: Sequence[Step], length: int, *, browsers: int = 0) -> Walk:
    """Walk every sequence of ``alphabet`` up to ``length`` steps, and return what was seen. Raises BrokenPromise.

    A moment that leads to the same as one that was reached before, in as few steps or fewer, is not walked on.
    """
    frontier = [Node(world.begin("optional", browsers), History("optional", visits=(None,) * browsers))]
    known = {shape_of(frontier[0].place, frontier[0].history): frontier[0]}
    looked_at, answers, done, merges = set[bytes](), Answers(), Walk(), count(1)
    for steps_left in range(length, -1, -1):
        done.states.append(len(frontier))
        reached: list[Node] = []
        for node in frontier:
            to_look = [browser for browser in range(browsers) if _is_new_to(node, browser, looked_at)]
            if steps_left or to_look:
                world.go_to(node.place)
            done.lines_read += sum(_look(world, node, browser) for browser in to_look)
            for step in _possible(alphabet, node) if steps_left else ():
                there, outcome = _take(world, node, step, answers)
                done.count(outcome)
                shape = shape_of(there.place, there.history)
                if shape not in known:
                    known[shape] = there
                    reached.append(there)
                elif next(merges) % _ONE_MERGE_IN == 0:
                    done.merged.append((known[shape], there))
        frontier = reached
    return done


def ways_on(world: World, alphabet: Sequence[Step], node: Node) -> list[tuple[str, bytes]]:
    """Return what each step from ``node`` leads to, whichever browser takes it."""
    world.go_to(node.place)
    found = []
    for step in _possible(alphabet, node):
        there, outcome = _take(world, node, step, Answers())
        found.append((f"{step}: {outcome}".replace("browser 2", "browser 1"), shape_of(there.place, there.history)))
    return sorted(found)


def _possible(alphabet: Sequence[Step], node: Node) -> Iterator[Step]:
    """Yield the steps that can be taken, each once: none that is the same as another, or sets what is set already."""
    sessions, history = node.place.sessions, node.history
    for step in alphabet:
        match step:
            case Speak(browser) if sessions[browser] is None:
                continue
            case Identify(browser=1) if sessions[0] is None:
                continue  # the browsers are numbered as they are used
            case Identify(token=Token(signer=0)) if len(history.secrets) == 1:
                continue  # the first secret is the newest
            case Organize("mode", value) if value == history.mode:
                continue
            case Organize("plan", value) if value == history.plan:
                continue
        yield step


def _is_new_to(node: Node, browser: int, looked_at: set[bytes]) -> bool:
    """Whether ``browser`` has a session, and none has looked at the same before."""
    visit = node.history.visits[browser]
    if visit is None:
        return False
    shape, known = shape_for_reader(node.place, node.history, visit), len(looked_at)
    looked_at.add(shape)
    return len(looked_at) > known


def _look(world: World, node: Node, browser: int) -> int:
    """Check the promises to ``browser``, and return how many lines it reads."""
    visit = node.history.visits[browser]
    assert visit is not None
    moment = Moment(node.place.now, node.history, visit, world.look(node.place, browser))
    _refuse(node, [f"{name} is broken: {told}" for name, promise in OF_MOMENTS.items() for told in promise(moment)])
    return len(moment.view.lines)


def _take(world: World, node: Node, step: Step, answers: Answers) -> tuple[Node, Outcome]:
    """Return where ``step`` leads to, and check the promises of a step."""
    place, outcome = world.take(step, node.place)
    history = node.history.after(step, outcome, place.now, place.rows)
    there = Node(place, history, (*node.path, f"{len(node.path) + 1}. {step}: {outcome}"))
    change = Change(node.place, step, outcome, place, node.history, history)
    breaches = [f"{name} is broken: {told}" for name, promise in OF_STEPS.items() for told in promise(change)]
    _refuse(there, [*breaches, *(f"promise 4 is broken: {told}" for told in answers.differ(change, there.path))])
    return there, outcome


def _refuse(node: Node, breaches: list[str]) -> None:
    if breaches:
        raise BrokenPromise("\n".join(("", *node.path, *breaches)))
