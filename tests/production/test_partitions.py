"""Tables in hash partitions by organization: made so by one option, and every request stays within one partition.

The same suite runs on partitions with KALTALK_TEST_PARTITIONS=8; this file is the part that always does.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.util import CommandError
from flask import Flask

from kaltalk_iv import migrations
from kaltalk_iv.models import PREFIX, Base
from kaltalk_iv.testing import bearer, identify, read_messages, send_message
from tests.api.world import Clock, build_app, dispose, engine_of, everything_stored
from tests.dashboard import desk
from tests.dashboard.admin import Admin
from tests.dashboard.page import read_page
from tests.dashboard.staff import Staff
from tests.support.databases import Prepare
from tests.support.statements import Told, told_to

PARTS = 8
WHOLE = {f"{PREFIX}organizations", f"{PREFIX}agents", f"{PREFIX}agent_sessions"}
# Forgetting what is too old looks everywhere, once in a while and after an answer.
EVERYWHERE = ("DELETE FROM kaltalk_iv_identify_counts",)


@pytest.fixture(scope="session")
def prepare_database() -> Prepare:
    """Leave the databases of this file empty: the tests make the tables."""
    return leave_empty


def leave_empty(url: str) -> None:
    """Make no tables."""


@pytest.fixture
def app(postgresql_url: str) -> Iterator[Flask]:
    """Give KalTalk on partitioned tables, which the command line has made."""
    app = build_app(postgresql_url, Clock())
    done = app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "upgrade", "--partitions", str(PARTS)])
    assert done.exit_code == 0, done.output
    yield app
    dispose(app)


def parts_of(app: Flask) -> dict[str, int]:
    """Return how many partitions each table has."""
    counted = sa.text(
        "SELECT c.relname, count(i.inhrelid) AS parts FROM pg_class c LEFT JOIN pg_inherits i ON i.inhparent = c.oid"
        " WHERE c.relname = ANY(:names) AND c.relkind IN ('r', 'p') GROUP BY c.relname"
    )
    with engine_of(app).connect() as connection:
        found = connection.execute(counted, {"names": sorted(Base.metadata.tables)})
        return {row.relname: row.parts for row in found}


def test_every_table_by_organization_is_partitioned_and_the_three_others_are_whole(app: Flask) -> None:
    tenant = {name for name, table in Base.metadata.tables.items() if "organization_id" in table.primary_key.columns}
    assert set(Base.metadata.tables) - tenant == WHOLE
    assert parts_of(app) == dict.fromkeys(tenant, PARTS) | dict.fromkeys(WHOLE, 0)


def test_alembic_finds_no_difference_but_the_partitions(app: Flask) -> None:
    def is_ours(_object: object, name: str | None, kind: str, _reflected: bool, _compare_to: object) -> bool:
        # PostgreSQL keeps a foreign key for each partition that is referred to, under names of its own.
        return not re.search(r"_p\d+$" if kind == "table" else r"_fkey\d*$", name or "")

    options: dict[str, Any] = {
        "version_table": migrations.VERSION_TABLE,
        "compare_type": True,
        "include_object": is_ours,
    }
    with engine_of(app).connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_upgrading_again_is_fine_and_another_number_of_partitions_is_refused(app: Flask) -> None:
    engine = engine_of(app)
    migrations.upgrade(engine)
    migrations.upgrade(engine, partitions=PARTS)
    for other in (4, 16):
        done = app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "upgrade", "--partitions", str(other)])
        assert done.exit_code == 1
        assert f"in {PARTS} partitions" in done.output
    assert set(parts_of(app).values()) == {0, PARTS}


def test_whole_tables_are_not_partitioned_behind_anybodys_back(postgresql_url: str) -> None:
    app = build_app(postgresql_url, Clock())
    engine = engine_of(app)
    migrations.upgrade(engine)
    with pytest.raises(CommandError, match="whole"):
        migrations.upgrade(engine, partitions=PARTS)
    dispose(app)


def test_sqlite_has_no_partitions_and_says_so(sqlite_url: str) -> None:
    app = build_app(sqlite_url, Clock())
    done = app.test_cli_runner().invoke(args=["kaltalk-iv", "db", "upgrade", "--partitions", "8"])
    assert done.exit_code == 1
    assert "Only PostgreSQL" in done.output
    dispose(app)


def test_every_statement_of_a_round_trip_stays_in_the_partition_of_its_organization(app: Flask) -> None:
    staff = Staff(app)
    with told_to(engine_of(app)) as statements:
        round_trip(Admin(staff, desk.Clock()))
    touched = partitions_touched(app, statements)

    assert sum(parts == 1 for _statement, parts in touched) > 30
    assert {parts for statement, parts in touched if not statement.startswith(EVERYWHERE)} <= {0, 1}
    # The count is able to see more than one.
    [(_all, parts)] = partitions_touched(app, [("SELECT * FROM kaltalk_iv_customers", {})])
    assert parts == PARTS
    # And it saw the rows: what was written is in the partitions.
    assert everything_stored(app)["kaltalk_iv_messages"]


def round_trip(admin: Admin) -> None:
    """Let a visitor come, write, read and leave, and staff reply, search, test, reveal, rotate and replace."""
    client = admin.app.test_client()
    identified = admin.identify(userJwt=admin.organization.sign("u_ada", now=admin.clock.now, email="ada@x.example"))
    session = identified.get_json()["session"]["token"]
    conversation = send_message(client, session, "hello").get_json()["cursor"].partition(".")[0]
    assert read_messages(client, session).status_code == 200
    admin.verify(name="Ada", email="ada@x.example")  # a known record changes
    for claims in ({"email": "bob@x.example"}, {"email": "bob@x.example", "name": "Bob"}, {"externalId": "u_bob"}):
        assert admin.identify(userJwt="rubbish", **claims).status_code == 200
    carl = admin.organization.sign("u_carl", now=admin.clock.now)
    assert admin.identify(userJwt=carl).status_code == 200
    assert admin.identify(userJwt=carl[:-2] + "AA").get_json()["identity"]["state"] == "unverified"
    stranger = admin.identify().get_json()["session"]["token"]
    assert send_message(client, stranger, "who am I?").status_code == 201
    assert admin.identify(userJwt=admin.organization.sign("u_dan", now=admin.clock.now), session=stranger).json
    thread = f"/inbox/{conversation}"
    for page in ("/inbox", "/inbox?identity=verified&status=all&q=ada", thread):
        assert admin.staff.get(page).status_code == 200
    press(admin.staff, f"{thread}/reply", thread, text="Thank you")
    press(admin.staff, f"{thread}/status", thread)
    assert send_message(client, session, "one more thing").status_code == 201
    for page in ("", "/reveal", "/audit", "/revoked"):
        admin.page(page)
    assert admin.press("/test-it", token="rubbish").status_code == 200
    assert admin.press("/rotate").status_code == 303
    assert admin.press("/end-window", on="/end-window").status_code == 303
    assert admin.press("/replace", on="/replace", confirmation="org_shop").status_code == 303
    assert admin.press("/revoked/take-back", on="/revoked").status_code == 303
    assert read_messages(client, session).status_code == 200
    assert client.delete("/v1/session", headers=bearer(session)).status_code == 204
    assert identify(client, "org_shop").status_code == 200


def press(staff: Staff, path: str, on: str, **fields: str) -> None:
    """Send the form of the page ``on`` that goes to ``path``, with what is hidden in it."""
    [form] = [form for form in read_page(staff.get(on).text).all("form", method="post") if form["action"] == path]
    hidden = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
    assert staff.http.post(path, data=hidden | fields).status_code == 303


def partitions_touched(app: Flask, statements: list[Told]) -> list[tuple[str, int]]:
    """Return each statement on tables of ours with the number of partitions that PostgreSQL would look into."""
    url = engine_of(app).url.set(drivername="postgresql").render_as_string(hide_password=False)
    found = []
    with psycopg.connect(url, cursor_factory=psycopg.ClientCursor) as connection:
        for statement, parameters in statements:
            if PREFIX not in statement or not re.match(r"SELECT|INSERT|UPDATE|DELETE", statement):
                continue
            plan = connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", parameters).fetchone()
            names = re.findall(rf'"Relation Name": "{PREFIX}\w+_p(\d+)"', json.dumps(plan))
            found.append((statement, len(set(names))))
    return found
