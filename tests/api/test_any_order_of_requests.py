"""Promise 1, in any order of requests: nothing turns green without a token that verifies. And the other four with it.

Random sequences of identifies and messages, with mode, plan, secrets and time changing between them, are sent to the
HTTP edge and to a small reference; state, reason, answer, records and sessions must agree after every step.
"""

import itertools
from collections.abc import Callable
from typing import Any, Final

from flask import Flask
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from kaltalk_iv.service import settings as use_cases
from kaltalk_iv.service.settings import Actor
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import add_organization, identify, read_messages, send_message, set_organization
from tests.api.reference import FLAWS, GRACE, PROOF, SESSION, STRANGER, Record, Reference, Secret, Token, Visit, Who
from tests.api.world import Clock, conversations_of, customers_of, is_green, messages_of
from tests.core.signing import sign

ACTOR: Final = Actor("machine", "local")
STRANGERS_SECRET: Final = "ktiv_" + "s" * 43
NUMBERS: Final = itertools.count()

IDS: Final = ["u_1", "u_2", "u_3"]
EMAILS: Final = ["shared@shop.example", "Shared@Shop.Example", "other@shop.example"]
NAMES: Final = ["Ada", "Bob", "Mallory"]
WHO = st.builds(
    Who,
    st.sampled_from([None, *IDS]),
    st.sampled_from([None, *EMAILS]),
    st.sampled_from([None, *NAMES]),
)
PROVABLE = st.builds(
    Who, st.sampled_from(IDS), st.sampled_from([None, *EMAILS, *EMAILS]), st.sampled_from([None, *NAMES])
)
# 0 is the newest secret, 1 the one before it, and so on.
TOKENS = st.one_of(
    st.builds(Token, st.none(), st.sampled_from([0, 0, 0, 1]), PROVABLE),
    st.builds(Token, st.none(), st.sampled_from([0, 1, 2, STRANGER]), PROVABLE),
    st.builds(Token, st.sampled_from(FLAWS), st.sampled_from([0, 0, 1, STRANGER]), PROVABLE),
)
MOMENTS: Final = [1, 1, 1, 60, 14 * 60, 15 * 60, PROOF - 2, PROOF, SESSION, GRACE]


class Visits(RuleBasedStateMachine):
    """An organization at the HTTP edge beside its reference."""

    visits: Bundle[Visit] = Bundle("visits")

    def __init__(self, app: Flask, clock: Clock) -> None:
        super().__init__()
        self.app, self.clock = app, clock
        self.client = app.test_client()
        self.reference = Reference()
        self.org = add_organization(app, f"org_{next(NUMBERS)}").id
        self.keys = [self._in_app(use_cases.reveal_current_secret)]
        self.tokens: dict[int, str] = {}
        self.said: dict[str, tuple[Visit, bool]] = {}
        self.owners: dict[str, str | None] = {}
        self.proven_sessions: set[str] = set()

    @rule(target=visits, token=st.none() | TOKENS, plain=WHO, prior=st.none() | visits)
    def identify(self, token: Token | None, plain: Who, prior: Visit | None) -> Visit | MultipleResults[Visit]:
        """Somebody identifies."""
        self.clock.move(1)
        now = self.clock.now
        if token is not None and token.signer != STRANGER:
            token = token._replace(signer=max(0, len(self.keys) - 1 - token.signer))
        body = _plain_fields(plain)
        if token is not None:
            body["userJwt"] = self._signed(token)
        brought = {value for value in (*plain, *(token.who if token else ())) if value is not None}
        if prior is not None:
            body["session"] = self.tokens[id(prior)]
        answer = identify(self.client, self.org, **body)
        expected = self.reference.identify(token, plain, prior, now)
        assert answer.status_code == expected.status
        if expected.status == 401:
            assert answer.get_json()["code"] == expected.reason
            return multiple()
        identity = answer.get_json()["identity"]
        assert (identity["state"], identity["reason"]) == (expected.state, expected.reason)
        echoed = Who(identity["externalId"], identity["email"], identity["name"])
        assert echoed == expected.who
        assert {value for value in echoed if value is not None} <= brought
        session_id = answer.get_json()["session"]["id"]
        assert (prior is not None and session_id == prior.session_id) is expected.goes_on
        visit = Visit(
            session_id,
            expected.who,
            expected.state,
            expected.reason,
            expected.record,
            expected.signer,
            now + PROOF,
            now + SESSION,
        )
        self.tokens[id(visit)] = answer.get_json()["session"]["token"]
        if visit.state == "verified":
            self.proven_sessions.add(session_id)
        return visit

    @rule(visit=visits)
    def speak_and_read(self, visit: Visit) -> None:
        """Somebody sends a message and reads what there is to read."""
        self.clock.move(1)
        text = f"message {len(self.said)}"
        sent = send_message(self.client, self.tokens[id(visit)], text)
        state, reason = self.reference.worth(visit, self.clock.now)
        if self.clock.now >= visit.ends:
            assert (sent.status_code, sent.get_json()["code"]) == (401, "session_expired")
            return
        if self.reference.acts_as == "required" and state == "unverified":
            assert (sent.status_code, sent.get_json()["code"]) == (401, reason)
            return
        assert sent.status_code == 201
        self.said[text] = (visit, state == "verified")
        read = read_messages(self.client, self.tokens[id(visit)])
        assert read.get_json()["identity"] == {"state": state, "reason": reason}
        texts = {line["text"] for line in read.get_json()["messages"]}
        assert text in texts
        assert all(self._may_read(visit, state, seen) for seen in texts)
        self._check_where_it_landed(text, visit)

    @rule(
        mode=st.sampled_from(["off", "optional", "optional", "optional", "required"]),
        plan=st.sampled_from(["starter", "pro", "pro", "pro", "business"]),
    )
    def change_organization(self, mode: str, plan: str) -> None:
        """An admin changes the mode, or the plan changes."""
        self.reference.mode, self.reference.plan = mode, plan
        set_organization(self.app, self.org, mode=mode, plan=plan)

    @rule(what=st.sampled_from(["rotate", "rotate", "end grace", "replace"]))
    def change_secrets(self, what: str) -> None:
        """An admin rotates unless a grace window runs, ends that window, or replaces every secret at once."""
        secrets, now = self.reference.secrets, self.clock.now
        in_grace = [secret for number, secret in enumerate(secrets[:-1]) if self.reference.is_alive(number, now)]
        if what == "replace":
            for secret in secrets:
                secret.revoked = True
            self._in_app(use_cases.replace_secrets)
        elif what == "end grace" and in_grace:
            in_grace[0].ends = now
            self._in_app(lambda session, _settings, *who: use_cases.retire_previous_secret(session, *who))
            return
        elif what == "rotate" and not in_grace:
            secrets[-1].ends = now + GRACE
            self._in_app(use_cases.rotate_secret, None)
        else:
            return
        secrets.append(Secret())
        self.keys.append(self._in_app(use_cases.reveal_current_secret))

    @rule(seconds=st.sampled_from(MOMENTS))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.clock.move(seconds)

    @invariant()
    def the_records_are_those_of_the_reference(self) -> None:
        """Every value, its provenance, the flag, and how many there are."""
        stored = customers_of(self.app, self.org)
        facts = [
            (
                record.external_id,
                record.email and record.email.casefold(),
                record.name,
                record.external_id_proven,
                record.email_proven,
                record.name_proven,
                record.verified,
                is_green(self.app, self.org, record),
                record.first_verified_at is not None,
                record.downgraded_reason,
                record.last_seen_at,
            )
            for record in stored
        ]
        assert sorted(facts, key=repr) == sorted(map(self._facts, self.reference.records), key=repr)

    @invariant()
    def a_proven_conversation_never_goes_from_one_customer_to_another(self) -> None:
        """Or the second one would read what the first one proved."""
        for conversation in conversations_of(self.app, self.org):
            if conversation.first_proven_at is not None:
                assert self.owners.setdefault(conversation.id, conversation.customer_id) == conversation.customer_id

    @invariant()
    def a_green_conversation_was_spoken_in_by_a_proven_session(self) -> None:
        """Whatever the last request was."""
        for conversation in conversations_of(self.app, self.org):
            assert conversation.state != "verified" or conversation.session_id in self.proven_sessions

    def _facts(self, record: Record) -> tuple[Any, ...]:
        return (
            record.id,
            record.email and record.email.casefold(),
            record.name,
            *(name in record.proven for name in ("id", "email", "name")),
            record.green,
            self.reference.is_green_now(record),
            record.was_ever_green,
            record.lost_by,
            record.seen,
        )

    def _may_read(self, visit: Visit, state: str, text: str) -> bool:
        writer, was_proven = self.said[text]
        is_own = writer.session_id == visit.session_id
        if state != "verified":
            return is_own and not was_proven
        is_revoked = writer.signer is not None and self.reference.secrets[writer.signer].revoked
        return is_own or (was_proven and not is_revoked and writer.who.id == visit.who.id)

    def _check_where_it_landed(self, text: str, visit: Visit) -> None:
        line = next(line for line in messages_of(self.app, self.org) if line.text == text)
        thread = next(row for row in conversations_of(self.app, self.org) if row.id == line.conversation_id)
        named = {record.id: record.external_id for record in customers_of(self.app, self.org)}
        assert visit.record is None or named[thread.customer_id] == visit.record.id

    def _signed(self, token: Token) -> object:
        if token.flaw == "null":
            return None
        if token.flaw == "garbage":
            return "not.a token"
        key = (STRANGERS_SECRET if token.signer == STRANGER else self.keys[token.signer]).encode()
        now = self.clock.now
        times: dict[str, Any] = {"iat": now, "exp": now + PROOF}
        changed_times = {
            "no exp": {"iat": now},
            "expired": {"exp": now},
            "too long": {"exp": now + GRACE + 1},
            "too early": {"iat": now + 600, "exp": now + PROOF},
        }
        payload = {"sub": token.who.id, **changed_times.get(token.flaw or "", times)}
        if token.flaw == "no sub":
            del payload["sub"]
        if token.flaw == "blank sub":
            payload["sub"] = " "
        payload |= {name: value for name, value in token.who._asdict().items() if name != "id" and value is not None}
        if token.flaw == "changed":
            header, body, _signature = sign(payload, key).split(".")
            return f"{header}.{body}.{sign(payload | {'sub': 'u_9'}, key).split('.')[2]}"
        header = '{"alg":"HS512"}' if token.flaw == "wrong alg" else '{"alg":"HS256"}'
        return sign(payload, key, header=header) + ("=" if token.flaw == "padded" else "")

    def _in_app(self, use_case: Callable[..., Any], *more: Any) -> Any:
        with self.app.app_context():
            state = current_state()
            return state.commit(lambda session, now: use_case(session, state.settings, ACTOR, self.org, *more, now))


def _plain_fields(plain: Who) -> dict[str, Any]:
    fields = {"externalId": plain.id, "email": plain.email, "name": plain.name}
    return {name: value for name, value in fields.items() if value is not None}


def _run(app: Flask, clock: Clock, examples: int) -> None:
    class Here(Visits):
        def __init__(self) -> None:
            super().__init__(app, clock)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )


def test_on_sqlite_any_order_of_requests_does_what_the_tables_say(sqlite_app: Flask, clock: Clock) -> None:
    _run(sqlite_app, clock, examples=80)


def test_on_postgresql_any_order_of_requests_does_what_the_tables_say(postgresql_app: Flask, clock: Clock) -> None:
    _run(postgresql_app, clock, examples=20)
