"""What can happen: every kind of request, and what an admin and the clock do between them.

Ada (``u_1``) and Bob (``u_2``) share an e-mail address. Mallory is whoever claims without a secret. A step says what it
is in words, because a counterexample is a list of steps.
"""

from dataclasses import dataclass
from typing import Final, NamedTuple

HOME: Final = "home@shop.example"
NEWEST: Final = -1
FIRST: Final = 0
STRANGER: Final = None  # signed with a secret that this organization never had


class Who(NamedTuple):
    """What is said of a visitor."""

    id: str | None = None
    email: str | None = None
    name: str | None = None

    def __str__(self) -> str:
        return ", ".join(f"{field} {value}" for field, value in self._asdict().items() if value) or "nothing"


NOBODY: Final = Who()
ADA: Final = Who("u_1", HOME, "Ada")
BOB: Final = Who("u_2", HOME, "Bob")
ADA_BY_ID: Final = Who("u_1")
LIES: Final = Who("u_1", "mallory@evil.example", "Mallory")


class Token(NamedTuple):
    """A user token. ``flaw`` is what is wrong with it; ``signer`` is the place of its secret, oldest first."""

    who: Who
    flaw: str | None = None
    signer: int | None = NEWEST

    def __str__(self) -> str:
        secret = {NEWEST: "newest", FIRST: "first", STRANGER: "a stranger's"}[self.signer]
        return f"{self.flaw or 'good'} token ({self.who}; {secret} secret)"


@dataclass(frozen=True, slots=True)
class Identify:
    """A page identifies. ``browser`` sends the widget session that it has, and keeps the new one; None has none."""

    token: Token | None
    plain: Who = NOBODY
    browser: int | None = None

    def __str__(self) -> str:
        place = "a page" if self.browser is None else f"browser {self.browser + 1}"
        return f"{place} identifies: {self.token or 'no token'}; plain fields: {self.plain}"


@dataclass(frozen=True, slots=True)
class Speak:
    """Somebody writes a line."""

    browser: int

    def __str__(self) -> str:
        return f"browser {self.browser + 1} sends a message"


@dataclass(frozen=True, slots=True)
class Organize:
    """An admin sets the mode, or the plan changes."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"the {self.name} becomes {self.value}"


@dataclass(frozen=True, slots=True)
class Keys:
    """An admin rotates, or replaces every secret at once."""

    what: str

    def __str__(self) -> str:
        return f"an admin asks to {self.what}"


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes: a minute more than the hours, so that no step ever stands on a boundary."""

    hours: int

    def __str__(self) -> str:
        return f"{self.hours} hours and a minute pass"

    @property
    def seconds(self) -> int:
        """How long it is."""
        return self.hours * 3600 + 60


Step = Identify | Speak | Organize | Keys | Wait

ADMIN: Final[tuple[Step, ...]] = (
    *(Organize("mode", mode) for mode in ("off", "optional", "required")),
    *(Organize("plan", plan) for plan in ("starter", "pro")),
    *(Keys(what) for what in ("rotate", "replace")),
    Wait(24),  # the grace window ends, and every token and session with it
)

GOOD: Final = (Token(ADA), Token(ADA, signer=FIRST), Token(BOB), Token(ADA_BY_ID))
FAILED: Final = (
    Token(ADA, "expired"),
    Token(LIES, "forged", STRANGER),
    Token(Who(None, HOME, "Mallory"), "forged", STRANGER),
    Token(LIES, "undecodable", STRANGER),
)
CLAIMED: Final = (
    Who("u_1"),
    Who(email=HOME.upper()),
    Who(name="Mallory"),
    LIES,
    BOB,
    Who("u_3", HOME),
)

# Every kind of request that names somebody, from a page without a session: what is left are the records.
REQUESTS: Final[tuple[Step, ...]] = (
    *(Identify(token) for token in (*GOOD, *FAILED)),
    *(Identify(None, plain) for plain in CLAIMED),
    Identify(Token(ADA), BOB),  # a proof beside the plain fields of the other one
    Identify(Token(LIES, "undecodable", STRANGER), ADA_BY_ID),
    Identify(Token(Who(None, HOME), "forged", STRANGER), ADA_BY_ID),
)
ON_RECORDS: Final = (*REQUESTS, *ADMIN)

# Two browsers that keep their session, and speak.
_SPOKEN: Final = (
    (None, NOBODY),
    (Token(ADA), NOBODY),
    (Token(BOB), NOBODY),
    (Token(ADA, "expired"), NOBODY),
    (Token(LIES, "forged", STRANGER), NOBODY),
    (None, Who(email=HOME)),
)
IN_BROWSERS: Final[tuple[Step, ...]] = (
    *(Identify(token, plain, browser) for browser in (0, 1) for token, plain in _SPOKEN),
    *(Speak(browser) for browser in (0, 1)),
    *(Organize("mode", mode) for mode in ("off", "optional", "required")),
    Keys("replace"),  # a rotation ends no session
    Wait(1),  # the tokens end, the sessions do not
)
