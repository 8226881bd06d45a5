"""Log lines: JSON, one a line, with what a request is, without secrets, and only where somebody asked for them."""

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given, settings
from hypothesis import strategies as st

from kaltalk_iv.observing import JsonFormatter, RedactingFilter, configure_logs
from kaltalk_iv.testing import OrganizationForTests, bearer, identify, read_messages, send_message
from tests.api.world import NOW, Clock, build_app, dispose
from tests.observing.test_redaction import EMAIL, SECRET, SESSION, TOKEN, VALUES


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give what our loggers write as JSON while the test runs."""
    logger = logging.getLogger("kaltalk_iv")
    written = io.StringIO()
    kept, logger.handlers = logger.handlers, []
    configure_logs(stream=written)
    yield written
    logger.handlers, logger.propagate = kept, True
    logger.setLevel(logging.NOTSET)


def lines(log: io.StringIO, logger: str | None = None) -> list[dict[str, Any]]:
    """Return the lines that ``logger`` has written, or all of them."""
    found = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in found if logger is None or line["logger"] == logger]


def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    """Return a record as ``logging`` makes it."""
    made = logging.LogRecord("kaltalk_iv.test", logging.INFO, __file__, 1, message, args, None)
    vars(made).update(extra)
    return made


def formatted(made: logging.LogRecord) -> dict[str, Any]:
    """Return what a line says."""
    line = JsonFormatter().format(made)
    assert "\n" not in line
    assert "\r" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_request_is_one_line_that_says_what_it_was(
    log: io.StringIO, client: FlaskClient, org: OrganizationForTests
) -> None:
    answer = identify(client, org.id, userJwt=org.sign("u_1", now=NOW))

    [line] = lines(log, "kaltalk_iv.access")
    assert line["message"].startswith("POST /v1/organizations/<")
    assert line["message"].endswith("organization_id>/identify 200")
    assert line["request_id"] == answer.headers["X-Request-ID"]
    assert (line["organization"], line["status"], line["method"], line["level"]) == (org.id, 200, "POST", "INFO")
    assert 0 < line["duration_ms"] < 60_000
    assert line["time"].endswith("Z")
    assert line["time"][10] == "T"


def test_a_line_about_a_request_is_a_record_as_the_application_makes_them(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    usual = logging.getLogRecordFactory()

    def make(*given: Any, **named: Any) -> logging.LogRecord:
        record = usual(*given, **named)
        record.deployment = "blue"
        return record

    request.addfinalizer(lambda: logging.setLogRecordFactory(usual))
    logging.setLogRecordFactory(make)
    with caplog.at_level(logging.INFO, "kaltalk_iv.access"):
        client.get("/v1/messages")

    [record] = [record for record in caplog.records if record.name == "kaltalk_iv.access"]
    assert vars(record)["deployment"] == "blue"
    assert (record.levelno, record.funcName, record.filename) == (logging.INFO, "log_request", "requests.py")
    assert record.getMessage() == "GET /v1/messages 401"


def test_messages_name_their_organization_and_nothing_of_a_visit_is_in_a_line(
    log: io.StringIO, client: FlaskClient, org: OrganizationForTests
) -> None:
    token = org.sign("u_1", now=NOW, email="ada@shop.example", name="Ada")
    session = identify(client, org.id, userJwt=token).json["session"]["token"]  # type: ignore[index]
    send_message(client, session, "My card ends in 4242")
    read_messages(client, session, after=f"{session}")
    client.delete("/v1/session", headers=bearer(session))
    identify(client, org.id, userJwt=token[:-1], email="ada@shop.example")

    assert {line["organization"] for line in lines(log, "kaltalk_iv.access")[:3]} == {org.id}
    for secret in (token, token.split(".")[1], session, org.secret, "ada@shop.example", "Ada", "4242"):
        assert secret not in log.getvalue()


def test_an_organization_that_is_not_there_is_not_named(log: io.StringIO, client: FlaskClient) -> None:
    identify(client, "org_a%0d%0aforged", userJwt="x")
    identify(client, "org_unknown", userJwt="x")

    found = lines(log, "kaltalk_iv.access")
    assert [line.get("organization") for line in found] == [None, None]
    assert "forged" not in log.getvalue()


def test_health_is_not_logged_at_info(log: io.StringIO, client: FlaskClient) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        client.get(path)

    assert lines(log, "kaltalk_iv.access") == []


@pytest.mark.parametrize(
    "given_id",
    ["short-7", "x" * 65, "id with blanks", "a\tb-c-d-e-f", "eyJhbGciOiJIUzI1NiJ9.e30.x", "ktiv_abcdefgh", "ünïcödé-1"],
)
def test_a_strange_request_id_is_never_taken(behind_proxy: FlaskClient, log: io.StringIO, given_id: str) -> None:
    answer = behind_proxy.get("/login", headers={"X-Request-ID": given_id})

    assert answer.headers["X-Request-ID"] != given_id
    assert len(answer.headers["X-Request-ID"]) == 32
    assert given_id not in log.getvalue()


def test_a_plain_request_id_is_taken_from_a_proxy_of_ours_alone(client: FlaskClient, behind_proxy: FlaskClient) -> None:
    plain = {"X-Request-ID": "0f8fad5b-d9cb-469f-a165-70867728950e"}

    assert behind_proxy.get("/login", headers=plain).headers["X-Request-ID"] == plain["X-Request-ID"]
    assert client.get("/login", headers=plain).headers["X-Request-ID"] != plain["X-Request-ID"]


def test_every_answer_has_a_request_id_of_its_own(client: FlaskClient) -> None:
    paths = ["/login", "/healthz", "/inbox", "/no/such/page", "/widget/kaltalk.js", "/v1/messages", "/v1/nothing"]
    ids = set()
    for path in paths:
        with client.get(path) as answer:
            ids.add(answer.headers["X-Request-ID"])

    assert len(ids) == len(paths)


@given(st.text(max_size=300))
@settings(max_examples=200, deadline=None)
def test_no_text_forges_a_second_line(text: str) -> None:
    line = formatted(record("%s", text, note=text))

    assert line["logger"] == "kaltalk_iv.test"


@pytest.mark.parametrize("name", VALUES)
def test_a_value_is_taken_out_of_message_arguments_extras_and_traceback(name: str) -> None:
    value = VALUES[name]
    try:
        raise ValueError(f"cannot use {value}") from KeyError(value)
    except ValueError:
        made = record("seen %s in %r", value, {"it": value}, note=value, heap=[value], body=value.encode())
        made.exc_info = sys.exc_info()
        made.stack_info = f"Stack: {value}"
    line = JsonFormatter().format(made)
    found = json.loads(line)

    assert value not in line
    assert "cannot use" in found["exception"]
    assert "test_logs.py" in found["exception"]
    assert RedactingFilter().filter(made)
    text = logging.Formatter("%(message)s %(note)s %(heap)s %(body)s").format(made)
    assert value not in text
    assert "cannot use" in text


def test_a_long_traceback_keeps_its_beginning_and_its_end_and_no_half_of_a_token() -> None:
    made = record("it broke")
    made.exc_text = "the beginning\n" + f"  line with {TOKEN} and {SECRET}\n" * 500 + "ValueError: the end"
    text = formatted(made)["exception"]

    assert text.startswith("the beginning")
    assert text.endswith("the end")
    assert len(text) < 13_000
    assert SECRET[-12:] not in text
    assert TOKEN[-12:] not in text


def test_a_line_that_cannot_be_formatted_is_not_lost() -> None:
    assert "could not be formatted" in formatted(record("%d", SESSION))["message"]


def test_numbers_stay_numbers_and_what_json_cannot_hold_becomes_text() -> None:
    line = formatted(record("x", count=3, none=None, flag=True, infinite=float("inf"), mail=EMAIL))

    assert line["count"] == 3
    assert line["none"] is None
    assert line["flag"] is True
    assert line["infinite"] == "inf"
    assert line["mail"] == "[redacted]"


def test_an_embedding_applications_loggers_are_left_alone(sqlite_url: str, clock: Clock) -> None:
    loggers = [logging.getLogger(name) for name in (None, "kaltalk_iv", "kaltalk_iv.access", "werkzeug", "sqlalchemy")]
    before = [(list(logger.handlers), list(logger.filters), logger.level, logger.propagate) for logger in loggers]
    app = build_app(sqlite_url, clock)
    app.test_client().get("/login")
    dispose(app)

    after = [(list(logger.handlers), list(logger.filters), logger.level, logger.propagate) for logger in loggers]
    assert after == before


def test_a_logger_with_handlers_keeps_them_and_gets_no_other() -> None:
    logger = logging.getLogger("kaltalk_iv.test_of_handlers")
    own = logging.NullHandler()
    logger.addHandler(own)
    configure_logs(logger.name)

    assert logger.handlers == [own]
    assert logger.level == logging.NOTSET
