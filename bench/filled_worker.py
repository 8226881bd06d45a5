"""A worker on a filled database, a client of it who is logged in as an agent, and customers to ask for."""

import itertools
import statistics
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench import ground
from bench.asks import Ask, Person, draw_people
from bench.filled import LOGIN, Filled
from bench.filling import SIZES
from bench.visitor import Client

_PEOPLE = 2000


@dataclass
class Measured:
    """Seconds of one kind of request on one database, round by round."""

    rounds: list[list[float]] = field(default_factory=list)

    def p50s(self) -> list[float]:
        """Return the median of each round."""
        return [statistics.median(seconds) for seconds in self.rounds]

    def in_microseconds(self) -> list[list[int]]:
        """Return every figure, round by round."""
        return [[round(seconds * 1e6) for seconds in one] for one in self.rounds]

    def quantile(self, share: float) -> float:
        """Return the quantile over all rounds."""
        ordered = sorted(itertools.chain(*self.rounds))
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


@dataclass
class Side:
    """A filled database with a worker on it and whom to ask for."""

    filled: Filled
    client: Client
    people: list[Person]
    measured: dict[str, Measured] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name in tables."""
        return f"{self.filled.kind} {self.filled.size}"

    def ask(self, ask: Ask, number: int) -> list[float]:
        """Ask ``number`` times and return the seconds that each answer took. Raises RuntimeError for a wrong one."""
        self.client.connect()
        seconds = []
        for _ in range(number):
            person = self.people.pop(0)
            self.people.append(person)
            answer = self.client.send(ask.request(self.client, self.filled, person))
            if not ask.is_right(answer, person):
                raise RuntimeError(f"{self.name}: {ask.name}: a wrong answer, {answer.status}, for {person.sub}")
            seconds.append(answer.seconds)
        return seconds


def start_worker(workers: ExitStack, filled: Filled) -> Side:
    """Return a side whose worker runs until ``workers`` end."""
    folder = workers.enter_context(ground.folder())
    command = [ground.program("granian"), "--interface", "wsgi", "--workers", "1", "--port", "{port}", "--factory"]
    worker = ground.serving(
        [*command, "kaltalk_iv.server:create_app"], folder=folder, env=filled.environment, ready_path="/readyz"
    )
    client = Client(workers.enter_context(worker).port)
    workers.callback(client.close)
    client.log_in(LOGIN, filled.password)
    return Side(filled, client, draw_people(filled.url, SIZES[filled.size], _PEOPLE))
