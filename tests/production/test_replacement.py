"""An emergency replace in one process is felt at the next request in every other (abuse case 29)."""

import json
import time

import pytest

from kaltalk_iv.dashboard.settings import PATH as SETTINGS
from tests.dashboard.page import Element, read_page
from tests.production.agent import Agent
from tests.production.deployment import ORGANIZATION, VERIFIED, Answer, Deployment

REVOKED = ("unverified", "secret_revoked")


@pytest.fixture
def grace(deployment: Deployment) -> Agent:
    """Give an admin who is logged in."""
    agent = Agent(deployment, "a calm and quiet password")
    assert agent.log_in() == 303
    return agent


def token_of(deployment: Deployment) -> str:
    """Return a token that the secret of the beginning signs."""
    return deployment.organization.sign("u_ada", now=time.time(), name="Ada")


def shield(drawer: Element) -> tuple[str, str, str]:
    """Return the colour, the state and the reason that a customer drawer shows."""
    return (
        drawer.one(data_shield=None)["data-shield"],
        drawer["data-identity-state"],
        drawer["data-identity-reason"],
    )


def test_a_replace_ends_proven_sessions_at_the_next_request_in_every_worker(deployment: Deployment) -> None:
    token = token_of(deployment)
    session = deployment.identify(userJwt=token).session
    # Both workers have seen secret, token and session: whatever they could keep of them, they have.
    for answer in deployment.first_of_each_worker(lambda: deployment.identify(userJwt=token)):
        assert answer.identity == VERIFIED
    for answer in deployment.first_of_each_worker(lambda: deployment.read(session)):
        assert answer.identity == VERIFIED

    deployment.command("secret", "replace", ORGANIZATION, "--yes")

    for answer in deployment.first_of_each_worker(lambda: deployment.read(session)):
        assert answer.identity == REVOKED
    # Asked before a failing identify takes the mark away.
    shown = json.loads(deployment.command("customer", "show", ORGANIZATION, "--external-id", "u_ada", "--json"))
    assert shown["verified"] is False
    for answer in deployment.first_of_each_worker(lambda: deployment.identify(userJwt=token)):
        assert answer.identity == ("unverified", "bad_signature")
    mended = deployment.reveal().sign("u_ada", now=time.time())
    for answer in deployment.first_of_each_worker(lambda: deployment.identify(userJwt=mended)):
        assert answer.identity == VERIFIED


def test_an_agent_sees_amber_at_the_next_poll_and_the_list_names_the_customer(
    deployment: Deployment, grace: Agent
) -> None:
    session = deployment.identify(userJwt=token_of(deployment)).session
    sent = deployment.send(session, "My card ends in 4242", "m-1").json
    conversation_id = sent["cursor"].partition(".")[0]
    drawers: dict[str, list[Element]] = {}

    def poll() -> Answer:
        answer, drawer = grace.poll(conversation_id)
        drawers.setdefault(answer.worker, []).append(drawer)
        return answer

    deployment.first_of_each_worker(poll)
    assert {shield(drawer) for seen in drawers.values() for drawer in seen} == {("verified", "verified", "")}
    drawers.clear()

    deployment.command("secret", "replace", ORGANIZATION, "--yes")

    deployment.first_of_each_worker(poll)
    amber = ("unverified", "unverified", "secret_revoked")
    assert {shield(drawer) for seen in drawers.values() for drawer in seen} == {amber}
    for answer in deployment.first_of_each_worker(lambda: grace.get(f"{SETTINGS}/revoked")):
        [row] = read_page(answer.body.decode()).all("tr", data_customer=None)
        assert row.text.startswith("Ada u_ada")
