"""The floor's own work in a Flask view: what Flask, as it comes, leaves of it.

KalTalk's own application answers widgets beside it (kaltalk_iv/lane.py), and this does not. None of it is meant to be
copied, as with the floor.
"""

import json

from flask import Flask, Response, request

from bench.peers import floor, job

app = Flask(__name__, static_folder=None)


@app.post("/v1/organizations/<organization_id>/identify")
def identify(organization_id):
    """Answer an identify."""
    return _answer(*floor.identify(request.environ, organization_id))


@app.post("/v1/messages")
def message():
    """Store a message."""
    return _answer(*floor.message(request.environ))


def _answer(status, told):
    headers = [("Content-Type", "application/json"), *job.cors(request.environ.get("HTTP_ORIGIN")).items()]
    return Response(json.dumps(told), status, headers)
