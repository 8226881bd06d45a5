"""The lab: a page on which to break things. NOT TO BE COPIED into a host of your own; it belongs to the demo alone.

What its page sends is in `experiments.py`. What it shows of KalTalk comes from `KalTalkSide`, which the demo lends it.
Without the demo there is no lab.
"""

import json
from typing import Any, Protocol

from flask import Blueprint, Flask, abort, current_app, flash, jsonify, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from host_demo.accounts import find_user
from host_demo.experiments import EXPERIMENTS, GROUPS, TITLE, Bench, Experiment, decoded

MODES = ("off", "optional", "required")


class KalTalkSide(Protocol):
    """What the lab shows of KalTalk. All of it is asked of KalTalk's own use cases, at that moment."""

    def modes(self) -> dict[str, str]:
        """The mode that was `chosen` and the one that `acts`."""

    def choose_mode(self, mode: str, who: str, address: str) -> None:
        """Switch the organization to another mode; raises what `open_lab` was given when KalTalk refuses."""

    def previous_secret(self, who: str, address: str) -> str:
        """A secret that was rotated out and still verifies; rotates when there is none."""

    def checks(self, token: str) -> dict[str, Any]:
        """What each check says of the token, by name, and which secret signed it."""

    def outlook(self, body: dict[str, Any], origin: str) -> list[dict[str, Any]]:
        """What an identify with this body would do in each mode. Leaves nothing behind."""

    def seen(self, widget_session: str | None, sub: str) -> dict[str, Any]:
        """The record and the inbox row behind a widget session; without one, the record of `sub`."""


def open_lab(app: Flask, kaltalk: KalTalkSide, refusals: type[Exception]) -> None:
    """Add the lab to the shop. `refusals` is what `kaltalk` raises, with a sentence, when it refuses."""
    lab = Blueprint("lab", __name__, url_prefix="/lab")
    lab.app_context_processor(lambda: {"has_lab": True})

    @lab.get("")
    @login_required  # type: ignore[untyped-decorator]  # Flask-Login carries no types
    def page() -> str:
        return render_template("lab.html", groups=GROUPS, modes=MODES, mode=kaltalk.modes())

    @lab.post("/prepare")
    @login_required  # type: ignore[untyped-decorator]
    def prepare() -> Response:
        experiment, bench = _asked(kaltalk)
        body = experiment.body(bench)
        token = body.get("userJwt")
        return jsonify(
            label=experiment.label,
            after=experiment.after,
            known=[
                ("sub", bench.user.id),
                ("email", bench.user.email or "not confirmed yet"),
                ("name", bench.user.name),
            ],
            token=_apart(token) if token else None,
            checks=kaltalk.checks(token) if token else None,
            snippet=_snippet(body),
            body=json.dumps(body, indent=2),
            outlook=kaltalk.outlook(body, request.host_url.rstrip("/")),
            mode=kaltalk.modes(),
        )

    @lab.post("/seen")
    @login_required  # type: ignore[untyped-decorator]
    def seen() -> Response:
        _experiment, bench = _asked(kaltalk)
        return jsonify(_for_own_eyes(kaltalk.seen(request.form.get("session"), bench.user.id), bench))

    @lab.post("/mode")
    @login_required  # type: ignore[untyped-decorator]
    def mode() -> Response:
        chosen = request.form.get("mode", "")
        if chosen not in MODES:
            abort(400)
        kaltalk.choose_mode(chosen, *_who())
        flash(f"The mode is {chosen.capitalize()} now. Press a button again and compare.")
        return redirect(url_for("lab.page"))

    def refused(error: Exception) -> Response | tuple[Response, int]:
        if request.endpoint != "lab.mode":
            return jsonify(problem=str(error)), 409
        flash(str(error))
        return redirect(url_for("lab.page"))

    lab.register_error_handler(refusals, refused)
    app.register_blueprint(lab)


def _who() -> tuple[str, str]:
    return f"{current_user.username} (lab)", request.remote_addr or "?"


def _asked(kaltalk: KalTalkSide) -> tuple[Experiment, Bench]:
    experiment = EXPERIMENTS.get(request.form.get("experiment", ""))
    if experiment is None:
        abort(400)
    config = current_app.config
    others = (find_user(name) for name in config["HOST_DEMO_ACCOUNTS"])  # never of a real person who registered
    strangers = (other.id for other in others if other is not None and other.id != current_user.id)
    return experiment, Bench(
        user=current_user,
        stranger=next(strangers, "u_somebody_else"),  # they may have changed their usernames
        secret=config["KALTALK_IV_SECRET"] or abort(503),
        previous=lambda: kaltalk.previous_secret(*_who()),
        now=int(config["HOST_CLOCK"]()),
    )


def _snippet(body: dict[str, Any]) -> str:
    """The snippet as this shop renders it, with what the experiment makes the page say."""
    settings = {"organizationId": current_app.config["KALTALK_ORGANIZATION_ID"]} | body
    return render_template("_kaltalk.html", kaltalk_settings=settings).strip()


def _for_own_eyes(seen: dict[str, Any], bench: Bench) -> dict[str, Any]:
    """The same without what is stored of somebody else: a claim must not become a way to read."""
    own = {bench.user.id, str(bench.number)}
    brought = own | {bench.email, bench.user.name, f"{bench.user.name}{TITLE}", bench.stranger, None}
    record, row = seen["record"], seen["row"]
    if record is None or record["external_id"]["value"] in own:
        return seen
    for field in ("external_id", "email", "name"):
        if record[field]["value"] not in brought:
            record[field] |= {"value": None, "hidden": True}
    if row is not None and row["title"] not in brought:
        row |= {"title": None, "hidden": True}
    return seen


def _apart(token: str) -> dict[str, Any]:
    """The token's three parts, and what the first two say, in their own order."""
    header, payload, signature = token.split(".")
    claims = decoded(payload)
    return {
        "parts": [header, payload, signature],
        "header": json.dumps(decoded(header), indent=2, ensure_ascii=False),
        "payload": json.dumps(claims, indent=2, ensure_ascii=False),
        "times": [claims["iat"], claims["exp"]],
    }
