"""What every command shares: who acts, how a refusal ends, and how an answer is printed."""

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import click
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, ProgrammingError
from sqlalchemy.orm import Session

from ..config import Settings
from ..core.errors import KalTalkError
from ..service.settings import Actor
from ..state import current_state

T = TypeVar("T")

as_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def actor() -> Actor:
    """Return who runs this command, for the audit trail."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = "unknown"
    return Actor(f"command line ({name})", "local")


def run(use_case: Callable[[Session, Settings, float], T]) -> T:
    """Run ``use_case`` and commit. A refusal ends the command with one sentence and exit code 1."""
    state = current_state()
    try:
        return state.commit(lambda session, now: use_case(session, state.settings, now))
    except KalTalkError as error:
        raise click.ClickException(error.detail) from None
    except (ProgrammingError, OperationalError, InterfaceError, InternalError) as error:
        if "no such table" in str(error.orig) or "does not exist" in str(error.orig):
            raise click.ClickException("The tables are not there yet. Run: flask … kaltalk-iv db upgrade") from None
        raise click.ClickException(f"The database did not answer ({type(error).__name__}).") from None


def utc(seconds: float | None) -> str | None:
    """Return Unix seconds as text in UTC, to the second."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def show(values: Any, lines: list[str], *, as_json: bool) -> None:
    """Print ``values`` as JSON, or ``lines`` as text."""
    click.echo(json.dumps(values, indent=2, ensure_ascii=False) if as_json else "\n".join(lines))
