"""The bodies that both FastAPI peers read."""

from pydantic import BaseModel


class Identify(BaseModel):
    """The body of an identify."""

    userJwt: str | None = None  # noqa: N815 - the name on the wire


class Message(BaseModel):
    """The body of a message."""

    text: str
    clientMessageId: str  # noqa: N815 - the name on the wire
