"""Flask that answers a constant: what the framework alone leaves of the machine."""

from flask import Flask

app = Flask(__name__)


@app.post("/v1/organizations/<organization_id>/identify")
def identify(organization_id: str) -> dict[str, object]:  # noqa: ARG001 - the route is that of the others
    """Return what every identify returns, whoever asks."""
    identity = {"state": "verified", "reason": None, "externalId": "u_1", "email": "u_1@shop.example", "name": "Ann"}
    return {"identity": identity, "session": {"token": "0", "expiresAt": "2026-01-01T00:00:00Z"}}
