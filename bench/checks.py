"""Whether a side does the job: each kind of answer is looked at whole, before and after it is measured."""

import time

from bench.data import IDENTIFY_PATH, ORIGIN, Data, customer_claims, sign
from bench.load import Answer, Request, WrongAnswer, ask, json_body

HEADERS = {"Origin": ORIGIN, "Content-Type": "application/json"}
_CLAIMS = customer_claims(0)  # whom no load names
_STRANGER = "a-secret-that-nobody-has-registered-here"


def check(origin: str, data: Data) -> None:
    """Raise WrongAnswer unless the server at ``origin`` verifies what it should, and nothing else."""
    now = time.time()
    good = sign(_CLAIMS, data.secret, now)
    _expect(origin, good, "verified", None)
    _expect(origin, sign(_CLAIMS, _STRANGER, now), "unverified", "bad_signature")
    _expect(origin, good, "verified", None)
    _expect(origin, sign(_CLAIMS, data.secret, now - 7200), "unverified", "expired")
    _expect(origin, sign(_CLAIMS, data.previous_secret, now), "verified", None)
    _expect(origin, sign(_CLAIMS, data.secret, now), "verified", None)
    _expect_status(origin, good, 403, headers=HEADERS | {"Origin": "https://elsewhere.example"})
    _expect_status(origin, good, 404, path="/v1/organizations/org_nobody/identify")


def session_of(answer: Answer) -> str:
    """Return the widget session that an identify has handed out."""
    token: str = answer.json["session"]["token"]
    return token


def check_messages(origin: str, data: Data, mark: str) -> None:
    """Raise WrongAnswer unless the server stores a message for its session, and for none that it has not made."""
    session = session_of(ask(origin, identify(sign(_CLAIMS, data.secret, time.time())), HEADERS))
    sent = Request("/v1/messages", json_body({"text": mark, "clientMessageId": mark}), session)
    for _ in range(2):  # the second time it is there already
        answer = ask(origin, sent, HEADERS)
        if answer.status != 201 or answer.json["message"]["clientMessageId"] != mark:
            raise WrongAnswer(f"a message was answered with {answer.status}: {answer.json}")
    forged = Request(sent.path, sent.body, session[:-4] + ("AAAA" if session[-4:] != "AAAA" else "BBBB"))
    if (status := ask(origin, forged, HEADERS).status) not in {401, 422}:  # 422 is what Flask-JWT-Extended answers
        raise WrongAnswer(f"a message with a forged session was answered with {status}")


def identify(token: str) -> Request:
    """Return the request of a page that identifies its visitor."""
    return Request(IDENTIFY_PATH, json_body({"userJwt": token}))


def _expect(origin: str, token: str, state: str, reason: str | None) -> None:
    answer = ask(origin, identify(token), HEADERS)
    wanted = {"state": state, "reason": reason, "externalId": _CLAIMS["sub"]}
    wanted |= {"email": _CLAIMS["email"], "name": _CLAIMS["name"]}
    if answer.status != 200 or answer.json["identity"] != wanted or len(session_of(answer)) < 40:
        shown = answer.json["identity"] if answer.status == 200 else answer.json
        raise WrongAnswer(f"expected {wanted}, and got {answer.status} {shown}")
    if answer.headers.get("access-control-allow-origin") != ORIGIN or "origin" not in answer.headers["vary"].lower():
        raise WrongAnswer("the page could not read the answer: its origin is not allowed")


def _expect_status(
    origin: str, token: str, status: int, *, path: str = IDENTIFY_PATH, headers: dict[str, str] = HEADERS
) -> None:
    answer = ask(origin, Request(path, identify(token).body), headers)
    if answer.status != status:
        raise WrongAnswer(f"{path} was answered with {answer.status} in place of {status}")
