"""The demo: the sample host at / and KalTalk at /kaltalk, in one process, with everything they need made on first run.

`python app.py` runs the whole round trip. `app` is the KalTalk application with the host mounted around it, so
`flask --app app kaltalk-iv …` reaches both. Only this file knows both parties; they share the signing secret, the token
format and the snippet.
"""

import json
import logging
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from flask import Flask, flash
from sqlalchemy.orm import Session
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

import host_demo
import kaltalk_iv
from demo_lab import LabSide
from host_demo import lab
from kaltalk_iv import Role, migrations
from kaltalk_iv.core.errors import Conflict, KalTalkError, NotFound, SecretUnavailable
from kaltalk_iv.core.policy import Mode, Plan
from kaltalk_iv.server import create_app as create_kaltalk
from kaltalk_iv.service import agents, settings
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import State, current_state
from kaltalk_iv.store.organizations import OrganizationRecord, get_organization, list_organizations

if TYPE_CHECKING:
    app: Flask  # made by __getattr__ below when somebody asks for it

MOUNT = "/kaltalk"
ORGANIZATION_ID = "org_demo"
CUSTOMERS = (("ada", "Ada Lovelace", "ada@example.com"), ("bob", "Bob Noyce", "bob@example.com"))
STAFF = (("grace", "Grace Hopper", Role.ADMIN), ("alan", "Alan Turing", Role.AGENT))
DEMO = Actor("demo (start)", "local")


@dataclass(frozen=True, slots=True)
class Demo:
    """Both parties, seeded, and the password of the four people in them."""

    host: Flask
    kaltalk: Flask
    password: str = field(repr=False)


def create_app(environ: Mapping[str, str] = os.environ) -> Flask:
    """Return the KalTalk application with the host mounted around it."""
    return mount(make_demo(environ))


def mount(demo: Demo) -> Flask:
    """Return the KalTalk application with the host outermost: the host owns the addresses, KalTalk sits below one."""
    mounted = DispatcherMiddleware(demo.host.wsgi_app, {MOUNT: demo.kaltalk.wsgi_app})
    demo.kaltalk.wsgi_app = mounted  # type: ignore[method-assign]
    return demo.kaltalk


def make_demo(environ: Mapping[str, str], *, renew_passwords: bool = False) -> Demo:
    """Return both parties. What `environ` sets wins over what the first run made.

    Whoever prints the password renews it; a command in another terminal must not change what the demo has printed.
    """
    folder = Path(environ.get("KALTALK_DEMO_DIR") or Path(__file__).parent / "instance" / "demo").absolute()
    made = _made_once(folder)
    password = environ.get("KALTALK_DEMO_PASSWORD") or made["password"]

    kaltalk = create_kaltalk(
        {
            "SQLALCHEMY_DATABASE_URI": environ.get("KALTALK_DATABASE_URL") or f"sqlite:///{folder / 'kaltalk.sqlite3'}",
            "SECRET_KEY": environ.get("KALTALK_SECRET_KEY") or made["kaltalk_secret_key"],
            "KALTALK_IV_ENCRYPTION_KEYS": environ.get("KALTALK_IV_ENCRYPTION_KEYS") or made["encryption_key"],
            "KALTALK_IV_LOGIN_HINT": "Try grace or alan; the password is in the terminal where you started the demo.",
            "SESSION_COOKIE_PATH": MOUNT,
        }
    )
    with kaltalk.app_context():
        signing_secret = _seed_kaltalk(current_state(), password, renew_passwords=renew_passwords)

    host = host_demo.create_app(
        {
            # Never those of the environment: the demo gives the users of its shop the password that it prints.
            "HOST_DATABASE_URL": f"sqlite:///{folder / 'host.sqlite3'}",
            "HOST_SECRET_KEY": made["host_secret_key"],
            "KALTALK_IV_SECRET": environ.get("KALTALK_IV_SECRET") or signing_secret,
            "KALTALK_ORGANIZATION_ID": environ.get("KALTALK_ORGANIZATION_ID") or ORGANIZATION_ID,
            "KALTALK_ORIGIN": environ.get("KALTALK_ORIGIN") or MOUNT,
            "HOST_DEMO_ACCOUNTS": tuple(username for username, _name, _email in CUSTOMERS),
        }
    )
    with host.app_context():
        accounts = [host_demo.DemoAccount(username, password, name, email) for username, name, email in CUSTOMERS]
        host_demo.seed(accounts, renew_passwords=renew_passwords)

    def deploy(secret: str) -> None:
        """Let the host sign with a new secret, unless the environment says what it signs with."""
        if not environ.get("KALTALK_IV_SECRET"):
            host.config["KALTALK_IV_SECRET"] = secret

    if (host.config["KALTALK_ORGANIZATION_ID"], host.config["KALTALK_ORIGIN"]) == (ORGANIZATION_ID, MOUNT):
        # Of another KalTalk the lab shows nothing, and to it nobody proves an address by a mail that all may read.
        lab.open_lab(host, LabSide(kaltalk, ORGANIZATION_ID, deploy), KalTalkError)
        host.config["HOST_SEND_MAIL"] = _show_mail
    return Demo(host, kaltalk, password)


def _show_mail(address: str, _subject: str, text: str) -> None:
    """Show the user what would be in their mailbox."""
    first, _, _rest = text.partition("\n\n")
    flash(f"The demo sends no mail. To {address} it would have written: {first}")


def _made_once(folder: Path) -> dict[str, str]:
    """Return the keys and the password of this demo: made on first run, kept where only this user reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / "demo.json"
    draft = folder / f"demo.{os.getpid()}.json"
    if not kept.exists():
        made = {
            "password": secrets.token_urlsafe(9),
            "host_secret_key": secrets.token_urlsafe(32),
            "kaltalk_secret_key": secrets.token_urlsafe(32),
            "encryption_key": kaltalk_iv.generate_encryption_key(),
        }
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(made), encoding="utf-8")
        with suppress(FileExistsError):  # another process was first: its keys count, and these are dropped
            os.link(draft, kept)
        draft.unlink()
    values: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
    return values


def _seed_kaltalk(state: State, password: str, *, renew_passwords: bool) -> str:
    """Make the tables, the organization and its people where they are missing; return the signing secret."""
    _check_that_nobody_else_is_in(state)
    migrations.upgrade(state.engine)
    if get_organization(state.session, ORGANIZATION_ID) is None:
        shop = OrganizationRecord(ORGANIZATION_ID, "Demo shop", Plan.PRO, Mode.OPTIONAL, ())
        with suppress(Conflict):  # another process was first, here and below
            state.commit(lambda session, now: settings.create_organization(session, state.settings, DEMO, shop, now))
    for login, name, role in STAFF:
        _seed_agent(state, login, name, role, password, renew_password=renew_passwords)
    try:
        return state.commit(
            lambda session, now: settings.reveal_current_secret(session, state.settings, DEMO, ORGANIZATION_ID, now)
        )
    except SecretUnavailable as error:  # so that the command line can still mend it
        hint = "Are KALTALK_IV_ENCRYPTION_KEYS or KALTALK_DATABASE_URL set here? Nothing is signed until it opens."
        logging.getLogger(__name__).critical("%s %s", error.detail, hint)
        return ""


def _check_that_nobody_else_is_in(state: State) -> None:
    """Raise RuntimeError when the database is somebody's real one: the demo prints the password of an admin."""
    if migrations.current_revision(state.engine) is None:
        return  # without tables
    there = {organization.id for organization in list_organizations(state.session)}  # one look: others may start now
    if there and ORGANIZATION_ID not in there:
        raise RuntimeError(
            "The demo does not start: the database that KALTALK_DATABASE_URL names holds other organizations and no"
            f" {ORGANIZATION_ID}, so it is not the demo's. Unset KALTALK_DATABASE_URL, or open another terminal."
        )


def _seed_agent(state: State, login: str, name: str, role: Role, password: str, *, renew_password: bool) -> None:
    """Make an agent where it is missing; give one that is there the password that this run prints."""

    def put(session: Session, now: float) -> None:
        if renew_password:
            with suppress(NotFound):
                agents.change_password(session, ORGANIZATION_ID, login, password)
                return
        agents.create_agent(session, ORGANIZATION_ID, login, name, role, password, now)

    with suppress(Conflict):  # it is there
        state.commit(put)


def main() -> None:
    """Serve the demo on this machine and say where to click."""
    given = os.environ.get("PORT") or "8000"
    if not given.isdecimal() or not 0 <= int(given) <= 65535:
        sys.exit("PORT must be a number from 1 to 65535, such as 8010.")
    try:
        demo = make_demo(os.environ, renew_passwords=True)
    except (KalTalkError, RuntimeError) as refused:  # a setting that cannot be; the sentence says which
        sys.exit(str(refused))
    try:
        listener = socket.create_server(("127.0.0.1", int(given)))  # Werkzeug would print a sentence of its own
    except OSError:
        another = f"PORT={int(given) + 1}"
        sys.exit(f"Port {given} is taken. Choose another one: {another} make demo, or {another} python app.py")
    server = make_server("127.0.0.1", int(given), mount(demo), threaded=True, fd=listener.fileno())
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # two polls every three seconds would bury the password
    print(_welcome(f"http://127.0.0.1:{server.port}", demo.password), flush=True)
    server.serve_forever()  # ends with Ctrl+C
    print("\nThe demo has stopped. What you did is kept; the next start goes on from here.")


def _welcome(address: str, password: str) -> str:
    return f"""
  The demo is running. Password for everybody: {password}

    1. The shop      {address}/                sign in as ada or bob, open the chat, write a message
    2. The inbox     {address}{MOUNT}/inbox   log in as grace (admin) or alan (agent), see the shield
    3. The lab       {address}/lab             as ada or bob: break a token in twelve ways and see what happens

  Use two browsers, or a private window, to be customer and agent at once. Stop with Ctrl+C.
"""


@cache
def _application() -> Flask:
    return create_app()


def __getattr__(name: str) -> Flask:
    if name == "app":
        return _application()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


if __name__ == "__main__":
    main()
