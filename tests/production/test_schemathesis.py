"""The widget's API against its own description: schemathesis makes up requests, good and bad, for a running server.

No 5xx, no status, header, type or body that the description does not hold, nothing refused that it allows.
`KALTALK_TEST_EXAMPLES=500` makes up more of them than an ordinary run does.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.production.deployment import ORGANIZATION, ROOT, Deployment
from tests.support.redact import redact
from tests.support.servers import clean_environment

EXAMPLES: Final = os.environ.get("KALTALK_TEST_EXAMPLES", "25")
# An identify drops a bad plain field with a warning: the visitor of a page with a slip in it can still write.
CONFIGURATION: Final = """
[[operations]]
include-name = "POST /v1/organizations/{organizationId}/identify"
checks.negative_data_rejection.enabled = false
"""
COUNT: Final = re.compile(r"^  (\d+) generated", re.MULTILINE)


def test_no_request_that_the_description_leads_to_gets_an_answer_that_it_does_not_hold(
    deployment: Deployment, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    done = _schemathesis(deployment, tmp_path)
    assert done.returncode == 0, redact(done.stdout[-6000:] + done.stderr[-2000:])
    counted = COUNT.search(done.stdout)
    assert counted is not None
    assert int(counted[1]) > 300
    assert "Authentication failed" not in done.stdout  # else most of it was tried before a closed door
    record_property("figure", f"schemathesis made {counted[1]} requests; every answer was as described")


def _schemathesis(deployment: Deployment, folder: Path) -> subprocess.CompletedProcess[str]:
    sessions = [deployment.identify(externalId=f"u_{number}", name="Ada").session for number in range(2)]
    (folder / "schemathesis.toml").write_text(CONFIGURATION, encoding="utf-8")
    environment = {
        "SCHEMATHESIS_HOOKS": "tests.production.api_hooks",
        "PYTHONPATH": str(ROOT),
        "KALTALK_TEST_ORGANIZATION": ORGANIZATION,
        "KALTALK_TEST_SESSION": sessions[0],
        "KALTALK_TEST_SESSION_TO_END": sessions[1],
    }
    description = f"{deployment.server.origin}/v1/openapi.json"
    command = [str(Path(sys.executable).with_name("st")), "run", description, f"--max-examples={EXAMPLES}"]
    return subprocess.run(
        [*command, "--seed=1", "--no-color"],
        cwd=folder,
        env=clean_environment({}) | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
