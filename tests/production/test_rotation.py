"""Rotations while a website identifies without pause: nobody is refused who signs with an active secret (case 30)."""

import time

from kaltalk_iv.service import settings as use_cases
from tests.production.deployment import ACTOR, ORGANIZATION, VERIFIED, WORKERS, Deployment
from tests.production.website import Website

ROTATIONS = 100
MOST_SECONDS = 20.0
FEWEST_ROTATIONS = 10

ALL_VERIFIED = {(200, *VERIFIED)}


def test_through_a_rotation_under_load_only_a_website_that_was_not_redeployed_is_refused(
    deployment: Deployment,
) -> None:
    left_behind = deployment.organization.sign("u_left_behind", now=time.time())
    with Website(deployment, deployment.organization.secret) as website:
        website.deploy(deployment.organization.secret)
        deployment.command("secret", "rotate", ORGANIZATION)
        for answer in deployment.first_of_each_worker(lambda: deployment.identify(userJwt=left_behind)):
            assert answer.identity == VERIFIED
        website.deploy(deployment.reveal().secret)
        deployment.command("secret", "retire", ORGANIZATION)
        for answer in deployment.first_of_each_worker(lambda: deployment.identify(userJwt=left_behind)):
            assert answer.identity == ("unverified", "bad_signature")
        website.deploy(*website.signs_with)

    assert set(website.outcomes) == ALL_VERIFIED
    assert len(website.workers) == WORKERS


def test_rotations_one_after_another_make_no_false_bad_signature(deployment: Deployment) -> None:
    rotations, ends_at = 0, time.monotonic() + MOST_SECONDS
    with Website(deployment, deployment.organization.secret, browsers=2) as website:
        while rotations < ROTATIONS and time.monotonic() < ends_at:
            [before] = website.signs_with
            deployment.change(
                lambda session, settings, now: use_cases.rotate_secret(
                    session, settings, ACTOR, ORGANIZATION, None, now
                )
            )
            fresh = deployment.reveal().secret
            website.deploy(fresh, before)  # in the window both verify
            website.deploy(fresh)
            deployment.change(
                lambda session, _settings, now: use_cases.retire_previous_secret(session, ACTOR, ORGANIZATION, now)
            )
            rotations += 1

    assert set(website.outcomes) == ALL_VERIFIED
    assert len(website.workers) == WORKERS
    assert rotations >= FEWEST_ROTATIONS
