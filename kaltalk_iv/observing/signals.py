"""Signals (blinker) for the application that embeds us: what has happened, sent once it is committed.

A receiver is called as ``receiver(app, event=…)`` with a value of ``kaltalk_iv.service.events``, in the request or the
command that caused it. What it raises is logged and goes no further: a visitor's request does not fail for it.
"""

import logging
from typing import Final

from blinker import NamedSignal, Namespace

from ..current import this_app
from ..service.events import (
    Event,
    IdentityDowngraded,
    IdentityFailed,
    IdentityVerified,
    SecretReplaced,
    SecretRotated,
)

_namespace = Namespace()
_log = logging.getLogger("kaltalk_iv.signals")

identity_verified: Final = _namespace.signal("identity_verified")
identity_failed: Final = _namespace.signal("identity_failed")
identity_downgraded: Final = _namespace.signal("identity_downgraded")
secret_rotated: Final = _namespace.signal("secret_rotated")
secret_replaced: Final = _namespace.signal("secret_replaced")

_SIGNALS: Final[dict[type[Event], NamedSignal]] = {
    IdentityVerified: identity_verified,
    IdentityFailed: identity_failed,
    IdentityDowngraded: identity_downgraded,
    SecretRotated: secret_rotated,
    SecretReplaced: secret_replaced,
}
ALL: Final = tuple(_SIGNALS.values())


def send(event: Event) -> bool:
    """Call each receiver of ``event``'s signal; False when one of them raised."""
    signal = _SIGNALS[type(event)]
    if not signal.receivers:
        return True
    app, went_well = this_app(), True
    for receiver in signal.receivers_for(app):
        try:
            app.ensure_sync(receiver)(app, event=event)
        except Exception:  # noqa: BLE001 - whatever it is, it is the receiver's and not the visitor's
            went_well = False
            _log.exception("A receiver of the signal %s failed; the others and the request go on", signal.name)
    return went_well
