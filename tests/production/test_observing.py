"""Two gunicorn workers seen from outside: one sum of metrics, and nothing but JSON in the log."""

import json
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kaltalk_iv.testing import bearer
from tests.production.conftest import Deploy
from tests.production.deployment import ORGANIZATION, Deployment

TOKEN = "a-token-of-those-who-run-this"
CONFIGURATION = """
from kaltalk_iv.observing import gunicorn_logging

logconfig_dict = gunicorn_logging()
"""


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Run on SQLite alone: it is about processes."""
    return sqlite_url


@pytest.fixture
def watched(deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Give a deployment whose workers count together and log as the documents say."""
    folder, configuration = tmp_path / "metrics", tmp_path / "gunicorn.conf.py"
    folder.mkdir()
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(folder))
    options = ("--config", str(configuration), "--env", f"KALTALK_METRICS_TOKEN={TOKEN}")
    return deploy("create_app", *options)


def verified(deployment: Deployment) -> float:
    """Return how many identifies were verified, as whichever worker takes the request says."""
    text = deployment.ask("GET", "/metrics", b"", **bearer(TOKEN)).body.decode()
    [found] = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "kaltalk_identifies_total" and sample.labels["outcome"] == "verified"
    ]
    return found


def test_each_worker_gives_the_sum_of_all_and_the_log_is_json_without_secrets(watched: Deployment) -> None:
    token = watched.organization.sign("u_ada", now=time.time(), email="ada@shop.example")
    sent = 0
    for _ in range(2):
        for answer in watched.first_of_each_worker(lambda: watched.identify(userJwt=token)):
            assert answer.status == 200
    sent = sum('"POST /v1/organizations/' in line for line in watched.server.output.splitlines())
    sums = [verified(watched) for _ in range(6)]
    watched.ask("GET", f"/inbox?q={token}")
    watched.server.stop()

    assert sent >= 4
    assert set(sums) == {float(sent)}
    lines = [json.loads(line) for line in watched.server.output.splitlines()]
    assert {"gunicorn.error", "kaltalk_iv.access"} <= {line["logger"] for line in lines}
    identifies = [line for line in lines if line.get("organization") == ORGANIZATION]
    assert len(identifies) == sent
    assert len({line["request_id"] for line in identifies}) == sent
    for secret in (token, token.split(".")[1], watched.organization.secret, "ada@shop.example", TOKEN):
        assert secret not in watched.server.output
