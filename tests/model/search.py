"""Breadth first through everything that can happen, so that what breaks a promise is found with the fewest steps."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.model.alphabet import Speak, Step
from tests.model.history import History
from tests.model.promises import PROMISES, Answers, Change
from tests.model.shapes import shape_of
from tests.model.world import Outcome, Place, World


@dataclass(frozen=True, slots=True)
class _Node:
    place: Place
    history: History
    path: tuple[str, ...] = ()


@dataclass(slots=True)
class Walk:
    """What was walked. ``breach`` is the shortest way to a broken promise, in words, or empty."""

    states: list[int] = field(default_factory=list)
    steps: int = 0
    verified: int = 0
    refused: int = 0
    lines_read: int = 0
    breach: str = ""

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
        self.lines_read += sum(len(view.lines) for view in outcome.views if view is not None)


def walk(world: World, alphabet: Sequence[Step], length: int, *, browsers: int = 0) -> Walk:
    """Walk every sequence of ``alphabet`` up to ``length`` steps, and return what was seen.

    A moment that leads to the same as one that was reached before, with as few steps or fewer, is not walked on.
    """
    frontier = [_Node(world.begin("optional", browsers), History("optional", visits=(None,) * browsers))]
    known, answers, done = {_shape(frontier[0])}, Answers(), Walk()
    for _ in range(length):
        done.states.append(len(frontier))
        reached: list[_Node] = []
        for node in frontier:
            world.go_to(node.place)
            for step in alphabet:
                if isinstance(step, Speak) and node.place.sessions[step.browser] is None:
                    continue
                there, outcome, breaches = _take(world, node, step, answers)
                done.count(outcome)
                if breaches:
                    done.breach = "\n".join((*there.path, *breaches))
                    return done
                shape = _shape(there)
                if shape not in known:
                    known.add(shape)
                    reached.append(there)
        frontier = reached
    return done


def _take(world: World, node: _Node, step: Step, answers: Answers) -> tuple[_Node, Outcome, list[str]]:
    place, outcome = world.take(step, node.place)
    history = node.history.after(step, outcome, place.now, place.rows)
    change = Change(node.place, step, outcome, place, node.history, history)
    path = (*node.path, f"{len(node.path) + 1}. {step}: {outcome}")
    breaches = [f"{name} is broken: {told}" for name, look in PROMISES.items() for told in look(change)]
    breaches += [f"promise 4 is broken: {told}" for told in answers.differ(change, " / ".join(path))]
    return _Node(place, history, path), outcome, breaches


def _shape(node: _Node) -> bytes:
    return shape_of(node.place, node.history)
