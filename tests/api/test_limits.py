"""How often is too often at the widget's API: whom a limit stops, whom it leaves alone (abuse case 47)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from flask import Flask
from flask_limiter import Limiter as ApplicationsLimiter
from werkzeug.test import TestResponse

from kaltalk_iv.limiter import network_of
from kaltalk_iv.rates import DEFAULT_RATES, STORAGE_SETTING, Limit, read_rates, read_store
from kaltalk_iv.testing import add_organization, bearer, send_message
from tests.api.world import Clock, build_app, dispose, engine_of
from tests.support.statements import told_to

Make = Callable[..., Flask]
HERE, THERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def make(sqlite_url: str, clock: Clock) -> Iterator[Make]:
    """Return a function that makes KalTalk with two organizations; it takes settings, one limit by its short name."""
    with ExitStack() as stack:

        def made(**config: Any) -> Flask:
            named = {Limit[name].value if name in Limit.__members__ else name: value for name, value in config.items()}
            app = build_app(sqlite_url, clock, **({"KALTALK_IV_LIMITS": "on"} | named))
            stack.callback(dispose, app)
            return app

        first = made()
        add_organization(first, "org_test")
        add_organization(first, "org_other")
        yield made


def ask(app: Flask, organization_id: str = "org_test", address: str = HERE, **headers: str) -> TestResponse:
    """Identify from an address."""
    return app.test_client().post(
        f"/v1/organizations/{organization_id}/identify",
        json={},
        headers={name.replace("_", "-"): value for name, value in headers.items()},
        environ_overrides={"REMOTE_ADDR": address},
    )


def statuses(app: Flask, times: int, *args: str, **headers: str) -> list[int]:
    """Identify several times and return what was answered."""
    return [ask(app, *args, **headers).status_code for _ in range(times)]


def test_one_too_many_from_an_address_is_a_429_that_says_when_to_come_back(make: Make, clock: Clock) -> None:
    app = make(IDENTIFY_ADDRESS="3 per 10 seconds")
    assert statuses(app, 3) == [200] * 3
    clock.move(2.5)

    refused = ask(app, Origin="https://shop.example")

    assert refused.status_code == 429
    assert refused.mimetype == "application/problem+json"
    assert (refused.json or {})["code"] == "rate_limited"
    assert refused.headers["Retry-After"] == "8"
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"].split(", ")
    assert refused.headers["Vary"] == "Origin"
    assert refused.headers["Cache-Control"] == "no-store"
    assert ask(app, address=THERE).status_code == 200
    clock.move(7.49)
    assert ask(app).status_code == 429
    clock.move(0.01)
    assert ask(app).status_code == 200


def test_a_preflight_counts_as_well(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="2 per minute")
    path = "/v1/organizations/org_test/identify"
    answers = [app.test_client().open(path, method="OPTIONS").status_code for _ in range(3)]

    assert answers == [204, 204, 429]


def test_what_is_refused_costs_no_statement(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="1 per minute")
    assert statuses(app, 1) == [200]
    with told_to(engine_of(app)) as told:
        assert statuses(app, 5) == [429] * 5

    assert told == []


def test_an_organization_that_is_flooded_leaves_the_others_alone(make: Make) -> None:
    app = make(IDENTIFY_ORGANIZATION="4 per minute")
    flood = [ask(app, "org_test", f"192.0.2.{number}").status_code for number in range(6)]

    assert flood == [200] * 4 + [429] * 2
    assert ask(app, "org_other").status_code == 200


def test_one_address_alone_cannot_use_up_an_organizations_share(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="2 per minute", IDENTIFY_ORGANIZATION="4 per minute")
    assert statuses(app, 20)[2:] == [429] * 18

    assert ask(app, address=THERE).status_code == 200


def test_a_forged_x_forwarded_for_buys_nothing_without_a_proxy(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    app = make(IDENTIFY_ADDRESS="2 per minute")
    answers = [ask(app, X_Forwarded_For=f"203.0.113.{number}").status_code for number in range(4)]

    assert answers == [200, 200, 429, 429]
    assert caplog.text.count("KALTALK_PROXY_HOPS is 0") == 1, "said, and not at each request"


def test_behind_one_proxy_only_what_that_proxy_adds_counts(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="2 per minute", KALTALK_PROXY_HOPS="1")

    forged = [ask(app, X_Forwarded_For=f"203.0.113.{number}, {THERE}").status_code for number in range(4)]
    other = ask(app, X_Forwarded_For="203.0.113.0, 203.0.113.99").status_code

    assert (forged, other) == ([200, 200, 429, 429], 200)


def test_behind_two_proxies_the_second_from_the_right_is_the_visitor(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="1 per minute", KALTALK_PROXY_HOPS=2)

    assert statuses(app, 2, X_Forwarded_For=f"203.0.113.1, {THERE}, 10.0.0.1") == [200, 429]
    assert statuses(app, 1, X_Forwarded_For=f"{THERE}, 203.0.113.1, 10.0.0.1") == [200]


def test_host_and_path_are_never_taken_from_a_header(make: Make) -> None:
    app = make(KALTALK_PROXY_HOPS=1)
    answer = app.test_client().get(
        "/inbox", headers={"X-Forwarded-Host": "evil.example", "X-Forwarded-Prefix": "/evil", "X-Forwarded-Port": "1"}
    )

    assert answer.headers["Location"] == "/login?next=/inbox"


@pytest.mark.parametrize("hops", ["-1", "11", "1.5", "true", "one", "١", "0x1"])
def test_a_number_of_proxies_that_cannot_be_is_refused(make: Make, hops: str) -> None:
    with pytest.raises(RuntimeError, match="KALTALK_PROXY_HOPS"):
        make(KALTALK_PROXY_HOPS=hops)


def test_a_session_sends_so_many_messages_and_reads_on(make: Make, clock: Clock) -> None:
    app = make(SEND_SESSION="2 per minute")
    sessions = [ask(app).get_json()["session"]["token"] for _ in range(2)]
    client = app.test_client()

    assert [send_message(client, sessions[0], "hi").status_code for _ in range(3)] == [201, 201, 429]
    assert send_message(client, sessions[1], "hi").status_code == 201
    assert client.get("/v1/messages", headers=bearer(sessions[0])).status_code == 200
    clock.move(60)
    assert send_message(client, sessions[0], "hi").status_code == 201


def test_an_organizations_messages_are_bounded_and_anothers_go_on(make: Make) -> None:
    app = make(SEND_ORGANIZATION="2 per minute")
    sessions = [ask(app, name).get_json()["session"]["token"] for name in ("org_test",) * 3 + ("org_other",)]

    assert [send_message(app.test_client(), token, "hi").status_code for token in sessions] == [201, 201, 429, 201]


def test_one_address_alone_cannot_use_up_an_organizations_messages(make: Make) -> None:
    app = make(SEND_ADDRESS="2 per minute", SEND_ORGANIZATION="4 per minute")
    sessions = [ask(app).get_json()["session"]["token"] for _ in range(6)]

    def send(token: str, address: str) -> int:
        body = {"text": "hi", "clientMessageId": "first-words"}
        here = {"REMOTE_ADDR": address}
        answer = app.test_client().post("/v1/messages", json=body, headers=bearer(token), environ_overrides=here)
        return answer.status_code

    assert [send(token, HERE) for token in sessions] == [201] * 2 + [429] * 4
    assert app.test_client().get("/v1/messages", headers=bearer(sessions[0])).status_code == 200
    assert send(sessions[5], THERE) == 201


def test_by_default_no_address_has_more_than_a_sixth_of_what_its_organization_has() -> None:
    usual = {limit.name: rate for limit, rate in read_rates({}).items()}
    for what in ("IDENTIFY", "SEND"):
        by_address, by_organization = usual[f"{what}_ADDRESS"], usual[f"{what}_ORGANIZATION"]
        assert by_address.get_expiry() == by_organization.get_expiry()
        assert 6 * by_address.amount <= by_organization.amount


def test_junk_sessions_are_bounded_by_address(make: Make) -> None:
    app = make(MESSAGES_ADDRESS="3 per minute")
    client = app.test_client()
    answers = [client.get("/v1/messages", headers=bearer("junk")).status_code for _ in range(3)]
    answers += [client.delete("/v1/session", headers=bearer("junk")).status_code]

    assert answers == [401, 401, 401, 429]


def test_a_limit_that_is_off_stops_nobody(make: Make) -> None:
    assert statuses(make(IDENTIFY_ADDRESS="off", IDENTIFY_ORGANIZATION="0"), 320) == [200] * 320


def test_the_usual_limits_let_an_office_in_and_stop_a_flood(make: Make) -> None:
    answers = statuses(make(), 310)

    assert answers == [200] * 300 + [429] * 10


NO_RATES = [
    *("", "many", "10", "10 per fortnight", "-1 per minute", "0 per minute", "5/minute;9/hour", "5/minute, 9/hour"),
    *("1 per 2 day", "1 per year", "٣ per minute", "9" * 5000 + "/minute"),
    *(True, False, None, 5, 1.5, ["1/minute"]),
]
NO_STORES = ["redis", "memcached://x:1", "http://x:1", "redis://x:notaport", "redis://x/0?db=x", 5]


@pytest.mark.parametrize("rate", NO_RATES)
def test_a_rate_that_cannot_be_is_refused_at_the_start(rate: object) -> None:
    with pytest.raises(RuntimeError, match="KALTALK_IV_LIMIT_REVEAL must be a rate such as '10 per 10 minutes'"):
        read_rates({Limit.REVEAL.value: rate})


@pytest.mark.parametrize("switch", ["", "no", "0", False, True, None])
def test_the_switch_is_on_or_off(switch: object) -> None:
    with pytest.raises(RuntimeError, match="KALTALK_IV_LIMITS must be on or off"):
        read_rates({"KALTALK_IV_LIMITS": switch})


def test_every_limit_has_a_rate_and_each_can_be_off() -> None:
    assert set(read_rates({})) == set(Limit) == set(DEFAULT_RATES)
    for limit in Limit:
        assert set(read_rates({limit.value: " OFF "})) == set(Limit) - {limit}


@pytest.mark.parametrize("url", NO_STORES)
def test_a_store_that_cannot_be_is_refused_without_showing_its_password(url: object) -> None:
    with pytest.raises(RuntimeError, match=f"{STORAGE_SETTING} must be an address") as refusal:
        read_store({STORAGE_SETTING: url if not isinstance(url, str) else url.replace("//", "//:p4ssword@")})
    assert "p4ssword" not in str(refusal.value)


def test_two_applications_in_one_process_do_not_share(make: Make) -> None:
    apps = [make(IDENTIFY_ADDRESS="1 per minute") for _ in range(2)]

    assert [statuses(app, 2) for app in apps] == [[200, 429]] * 2


def test_the_applications_own_limiter_and_ours_leave_each_other_alone(make: Make) -> None:
    app = make(IDENTIFY_ADDRESS="2 per minute", RATELIMIT_ENABLED=True, RATELIMIT_HEADERS_ENABLED=True)
    theirs = ApplicationsLimiter(lambda: "everybody", app=app, default_limits=["3 per day"], storage_uri="memory://")
    assert statuses(app, 3, "org_test", HERE) == [200, 200, 429], "ours"
    assert ask(app, address=THERE).status_code == 429, "theirs"
    theirs.enabled = False

    assert ask(app, address=THERE).status_code == 200
    assert ask(app).status_code == 429


@pytest.mark.parametrize(
    ("one", "another", "is_same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("192.0.2.1:40001", "192.0.2.1:40002", True),
        ("192.0.2.1:40001", "192.0.2.1", True),
        ("192.0.2.1:40001", "192.0.2.2:40001", False),
        ("[2001:db8:1:2::1]:40001", "2001:db8:1:2::9", True),
        ("[2001:db8:1:2::1]", "[2001:db8:1:3::1]", False),
        ("", None, True),
    ],
)
def test_an_address_stands_for_its_network(one: str, another: str | None, is_same: bool) -> None:
    assert (network_of(one) == network_of(another)) is is_same
