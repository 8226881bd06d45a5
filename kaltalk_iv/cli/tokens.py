"""``kaltalk-iv test-token``: Test it, for scripts. The token comes from standard input: no process list shows it."""

import sys
from typing import Any

import click
from flask.cli import with_appcontext

from ..core.diagnosis.codes import Code
from ..service.token_check import TokenReport, check_token
from .edge import as_json_option, run, show, utc

_MOST_BYTES = 1024 * 1024
_MARKS = {True: "ok", False: "FAILED", None: "-"}


@click.command("test-token")
@click.argument("organization_id", metavar="ORG")
@as_json_option
@with_appcontext
def test_token(organization_id: str, as_json: bool) -> None:
    """Check the token on standard input as ORG would, and say what to mend. Exit code 0 when it verifies, else 1.

    \b
    Nothing is stored, counted or logged. One line end behind the token is not counted as part of it.
    Example: node sign.js | flask --app app kaltalk-iv test-token org_demo
    """
    if sys.stdin.isatty():
        click.echo("Paste the token, then press Enter and Ctrl-D.", err=True)
    pasted = _without_line_end(sys.stdin.buffer.read(_MOST_BYTES).decode(errors="replace"))
    report = run(lambda session, settings, now: check_token(session, settings, organization_id, pasted, now))
    show(_values(report), _lines(report), as_json=as_json)
    click.get_current_context().exit(0 if report.verifies else 1)


def _without_line_end(text: str) -> str:
    """Return ``text`` without the line end that echo, a file or a terminal puts behind it."""
    return text.removesuffix("\n").removesuffix("\r")


def _lines(report: TokenReport) -> list[str]:
    lines = [report.summary]
    lines += [f"  {_MARKS[check.passed]:<7}{check.title}: {check.detail}" for check in report.checks]
    for advice in report.advice:
        if advice.code == Code.AS_THE_CHECK_SAYS:
            continue  # it stands above, at the check
        at = "" if advice.at is None else f" ({utc(advice.at)})"
        lines.append(f"{'Better' if advice.is_habit else 'Mend'}: {advice.detail}{at} [{advice.code}]")
    lines += [f"Claim {claim.name}: {claim.value}{'' if claim.is_used else ' (ignored)'}" for claim in report.claims]
    if report.lifetime is not None:
        lines.append(f"Lifetime: {report.lifetime.sentence}")
    if report.secret is not None:
        until = "" if report.secret.until is None else f", until {utc(report.secret.until)}"
        lines.append(f"Secret: {report.secret.fingerprint} ({report.secret.status}{until})")
    for outcome in report.modes:
        lines.append(f"Mode {outcome.mode}{' (acts now)' if outcome.acts_now else ''}: {outcome.sentence}")
    return lines if report.note is None else [*lines, report.note]


def _values(report: TokenReport) -> dict[str, Any]:
    lifetime, secret = report.lifetime, report.secret
    return {
        "verifies": report.verifies,
        "reason": report.reason,
        "insideVerifies": report.inside_verifies,
        "summary": report.summary,
        "checks": [
            {"name": check.name, "title": check.title, "passed": check.passed, "detail": check.detail}
            for check in report.checks
        ],
        "advice": [
            {"code": advice.code, "detail": advice.detail, "at": utc(advice.at), "isHabit": advice.is_habit}
            for advice in report.advice
        ],
        "claims": [{"name": claim.name, "value": claim.value, "isUsed": claim.is_used} for claim in report.claims],
        "lifetime": None
        if lifetime is None
        else {
            "issuedAt": utc(lifetime.issued_at),
            "expiresAt": utc(lifetime.expires_at),
            "sentence": lifetime.sentence,
        },
        "secret": None
        if secret is None
        else {"fingerprint": secret.fingerprint, "status": secret.status, "until": utc(secret.until)},
        "modes": [
            {
                "mode": outcome.mode,
                "state": outcome.state,
                "reason": outcome.reason,
                "isRefused": outcome.is_refused,
                "sentence": outcome.sentence,
                "actsNow": outcome.acts_now,
            }
            for outcome in report.modes
        ],
        "note": report.note,
        "checkedAt": utc(report.checked_at),
    }
