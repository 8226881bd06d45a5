"""What it costs a host to sign: a token against the bare HMAC by hand, and a page with it against the page without."""

import argparse
import base64
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import jwt

import host_demo
from bench import ground, load
from bench.tables import Spread, spread, table
from host_demo.identity import LIFETIME, sign_user_jwt

USER = SimpleNamespace(id="8f14e45f-ceea-467f-a8f1-9d6f1b1b4a2c", email="ada@example.com", name="Ada Lovelace")
SECRET = "ktiv_" + secrets.token_urlsafe(32)
PASSWORD = secrets.token_urlsafe(16)
KALTALK = {"KALTALK_ORGANIZATION_ID": "org_shop", "KALTALK_ORIGIN": "https://chat.example"}
PAGES: dict[str, dict[str, str]] = {
    "no chat": {},
    "chat, nothing signed": KALTALK,
    "chat and token": KALTALK | {"KALTALK_IV_SECRET": SECRET},
}


def main(arguments: Sequence[str]) -> None:
    """Measure and print both."""
    parser = argparse.ArgumentParser(prog="bench signing", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few seconds; in full: a minute and a half")
    is_quick = parser.parse_args(arguments).quick
    ground.take_the_other_cores()
    calls = _calls(rounds=7 if is_quick else 25, count=500 if is_quick else 3000)
    pages = _pages(rounds=2 if is_quick else 5, count=30 if is_quick else 300, seconds=1 if is_quick else 3)
    text = "\n\n".join((_calls_table(calls), _pages_table(pages)))
    print(text)
    ground.save("signing", {"calls_us": calls, "pages": pages, "markdown": text})


def by_hand(user: Any, secret: str, now: float) -> str:
    """Return the token as whoever counts microseconds writes it: no check, no library, the header as a constant."""
    issued = int(now)
    claims = {"sub": str(user.id), "email": user.email, "name": user.name, "iat": issued, "exp": issued + LIFETIME}
    payload = base64.urlsafe_b64encode(json.dumps(claims, separators=(",", ":")).encode()).rstrip(b"=")
    signed = b"eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + payload
    signature = base64.urlsafe_b64encode(hmac.digest(secret.encode(), signed, "sha256")).rstrip(b"=")
    return (signed + b"." + signature).decode()


def by_pyjwt(user: Any, secret: str, now: float) -> str:
    """Return the token as everybody writes it."""
    claims = {"sub": str(user.id), "email": user.email, "name": user.name, "iat": int(now), "exp": int(now) + LIFETIME}
    return jwt.encode(claims, secret, algorithm="HS256")


def _calls(rounds: int, count: int) -> dict[str, list[float]]:
    """Return the microseconds of processor time of one call, for each of the interleaved rounds."""
    ways: dict[str, Callable[[float], str | None]] = {
        "by hand": lambda now: by_hand(USER, SECRET, now),
        "sign_user_jwt": lambda now: sign_user_jwt(USER, SECRET, now=now),
        "jwt.encode": lambda now: by_pyjwt(USER, SECRET, now),
    }
    if len({way(1_800_000_000) for way in ways.values()}) != 1:
        raise load.WrongAnswer("the three ways do not make the same token")
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time_ns()
            for second in range(count):
                way(1_800_000_000 + second)
            found[name].append((time.process_time_ns() - began) / count / 1000)
    return found


def _pages(rounds: int, count: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Return, for each kind of page, the microseconds of a render by test client and what granian answers a second."""
    found: dict[str, dict[str, list[float]]] = {name: {"test_client_us": [], "granian_rps": []} for name in PAGES}
    with ExitStack() as stack:
        folder = stack.enter_context(ground.folder())
        shared = {
            "HOST_SECRET_KEY": secrets.token_urlsafe(32),
            "HOST_DATABASE_URL": f"sqlite:///{folder / 'host.sqlite3'}",
        }
        cookie = _sign_in(shared)
        command = [ground.program("granian"), "--interface", "wsgi", "--port", "{port}", "--blocking-threads", "1"]
        command += ["--no-ws", "--log-level", "warning", "--factory", "host_demo:create_app"]
        requests = load.write_requests(folder / "page", [load.Request("/", method="GET")])
        ways = {}
        for name, settings in PAGES.items():
            app = host_demo.create_app({**shared, **dict.fromkeys((*KALTALK, "KALTALK_IV_SECRET")), **settings})
            server = stack.enter_context(ground.serving(command, folder=folder, env=shared | settings))
            client = app.test_client()
            client.set_cookie("__Host-host_session", cookie, domain="shop.example", secure=True)
            ways[name] = (client, server.origin)
            stack.callback(_let_go, app)
        for _ in range(rounds):
            for name, (client, origin) in ways.items():
                began = time.process_time_ns()
                for _call in range(count):
                    page = client.get("/", base_url="https://shop.example").text
                found[name]["test_client_us"].append((time.process_time_ns() - began) / count / 1000)
                if "Good to see you" not in page or ("userJwt" in page) != ("KALTALK_IV_SECRET" in PAGES[name]):
                    raise load.WrongAnswer(f"{name}: not the page of somebody who is logged in")
                sent = {"Cookie": f"__Host-host_session={cookie}"}
                content = '"userJwt"' if "KALTALK_IV_SECRET" in PAGES[name] else "Good to see you"
                shown = load.run(origin, requests, seconds=seconds, headers=sent, content=content)
                found[name]["granian_rps"].append(shown.checked(name).per_second)
    return found


def _sign_in(shared: dict[str, str]) -> str:
    """Make the tables and a user, log in, and return the session cookie."""
    app = host_demo.create_app(shared)
    with app.app_context():
        host_demo.create_tables()
        host_demo.add_user("ada", PASSWORD, "Ada Lovelace", "ada@example.com")
    client = app.test_client()
    form = client.get("/login", base_url="https://shop.example").text
    csrf = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', form)
    assert csrf is not None
    fields = {"csrf_token": csrf[1], "username": "ada", "password": PASSWORD}
    headers = {"Referer": "https://shop.example/login"}
    client.post("/login", base_url="https://shop.example", data=fields, headers=headers)
    cookie = client.get_cookie("__Host-host_session", "shop.example")
    assert cookie is not None
    _let_go(app)
    return cookie.value


def _let_go(app: Any) -> None:
    with app.app_context():
        host_demo.db.session.remove()
        host_demo.db.engine.dispose()


def _against(ours: Sequence[float], other: Sequence[float]) -> Spread:
    return spread([one / two for one, two in zip(ours, other, strict=True)])


def _calls_table(calls: dict[str, list[float]]) -> str:
    rows = [(name, spread(values), _against(values, calls["by hand"])) for name, values in calls.items()]
    return table(("a token", "µs a call", "times by hand (target of sign_user_jwt: 2)"), rows)


def _pages_table(pages: dict[str, dict[str, list[float]]]) -> str:
    plain = pages["chat, nothing signed"]
    rows = [
        (
            name,
            spread(of["test_client_us"]),
            _against(of["test_client_us"], plain["test_client_us"]),
            spread(of["granian_rps"]),
            _against(of["granian_rps"], plain["granian_rps"]),
        )
        for name, of in pages.items()
    ]
    heads = ("a page of the shop", "µs by test client", "times unsigned", "a second on granian", "times unsigned")
    return table(heads, rows)
