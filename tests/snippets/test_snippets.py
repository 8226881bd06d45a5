"""What integrators copy signs what KalTalk verifies, and nothing without a secret."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from kaltalk_iv.core.diagnosis import Code
from kaltalk_iv.dashboard.settings.snippets import SNIPPETS
from kaltalk_iv.service.token_check import TokenReport, check_token
from kaltalk_iv.state import current_state
from kaltalk_iv.testing import OrganizationForTests
from tests.snippets.languages import LANGUAGES, NOT_RUN, Language

PARAMETERS = [
    pytest.param(language, id=language.name, marks=[pytest.mark.node] if language.name == "Node" else [])
    for language in LANGUAGES
]
CODE = {snippet.language: snippet.code for snippet in SNIPPETS}
CUSTOMERS: dict[str, dict[str, Any]] = {
    "plain": {"id": "u_3fX9", "email": "ada@example.com", "name": "Ada Lovelace"},
    "odd": {"id": "u 3/fX9=", "email": "ada+kal@exämple.com", "name": 'Ada "Countess" O\'Löve </script> ✿ 🦊 \\'},
    "numbered": {"id": 7, "email": "ada@example.com", "name": "Ada Lovelace"},
}


@pytest.fixture(params=PARAMETERS)
def language(request: pytest.FixtureRequest) -> Language:
    """Give each language that is run; Node's library is installed by the fixture of Node's tokens."""
    if request.param.name == "Node":
        request.getfixturevalue("node_sign")
    found: Language = request.param
    return found


def report(app: Flask, org: OrganizationForTests, token: str) -> TokenReport:
    with app.app_context():
        state = current_state()
        return check_token(state.session, state.settings, org.id, token, time.time())


def test_every_language_of_the_page_is_run_or_named_as_one_that_is_not() -> None:
    assert {language.name for language in LANGUAGES} | set(NOT_RUN) == set(CODE)


@pytest.mark.parametrize("customer", CUSTOMERS.values(), ids=CUSTOMERS)
def test_its_token_verifies_and_test_it_says_at_most_that_a_number_is_fine(
    customer: dict[str, Any], language: Language, app: Flask, org: OrganizationForTests, tmp_path: Path
) -> None:
    ran = language.run(CODE[language.name], customer, org.secret, tmp_path)
    assert ran.well, ran.complaint
    found = report(app, org, ran.printed)
    claims = {claim.name: json.loads(claim.value) for claim in found.claims}
    sub = claims.pop("sub")
    assert found.verifies
    assert [one.code for one in found.advice] == ([Code.SUB_NUMBER] if isinstance(sub, int) else [])
    assert str(sub) == str(customer["id"])
    assert claims.pop("exp") - claims.pop("iat") == 3600
    assert claims == {"email": customer["email"], "name": customer["name"]}


def test_a_customer_without_an_id_is_nobody(
    language: Language, app: Flask, org: OrganizationForTests, tmp_path: Path
) -> None:
    ran = language.run(CODE[language.name], CUSTOMERS["plain"] | {"id": None}, org.secret, tmp_path)
    assert not report(app, org, ran.printed).verifies


@pytest.mark.parametrize("secret", [None, ""], ids=["unset", "empty"])
def test_without_a_secret_it_signs_nothing_and_says_why(secret: str | None, language: Language, tmp_path: Path) -> None:
    ran = language.run(CODE[language.name], CUSTOMERS["plain"], secret, tmp_path)
    assert (ran.well, ran.printed) == (False, "")
    assert language.says_without_secret in ran.complaint
