"""docs/observe.md says what is there, and its examples run."""

import json
import logging
import re
from pathlib import Path

from flask import Flask

from kaltalk_iv.observing.metrics import Metrics
from kaltalk_iv.service.readiness import Part
from tests.observing.test_logs import formatted, record

PAGE = (Path(__file__).parents[2] / "docs" / "observe.md").read_text(encoding="utf-8")


def test_every_metric_is_documented_and_every_documented_one_is_there() -> None:
    there = set(re.findall(r"^# TYPE (kaltalk_\w+) (?:counter|histogram)$", Metrics().text().decode(), re.MULTILINE))
    documented = set(re.findall(r"^\| `(kaltalk_\w+)`", PAGE, re.MULTILINE))

    assert documented == there
    assert len(there) >= 10


def test_every_part_that_can_be_missing_is_documented() -> None:
    assert {part.value for part in Part if f"| `{part}` |" not in PAGE} == set()


def test_the_line_in_the_documents_has_the_fields_of_a_real_one() -> None:
    [shown] = re.findall(r"```json\n(.*?)\n```", PAGE, re.DOTALL)
    real = formatted(record("x", method="POST", route="/v1/messages", status=201, duration_ms=4.2))

    assert set(json.loads(shown)) == set(real) | {"request_id", "organization"}


def test_the_examples_run(app: Flask) -> None:
    logger, handler = logging.getLogger("kaltalk_iv"), logging.NullHandler()
    names = {"handler": handler}
    kept, logger.handlers = logger.handlers, []
    try:
        for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
            exec(block, names)  # noqa: S102 - our own document
        assert [type(one).__name__ for one in logger.handlers] == ["StreamHandler"]
        assert len(handler.filters) == 1
        assert "logconfig_dict" in names
    finally:
        logger.handlers, logger.propagate = kept, True
        logger.setLevel(logging.NOTSET)
