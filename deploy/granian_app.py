"""KalTalk for granian, which deploy/granian.sh starts: no request carries the keys of the environment with it."""

import gc
import os

from flask import Flask

from kaltalk_iv import server


def create_app() -> Flask:
    """Return KalTalk as the environment configures it, and take its settings out of this worker's environment.

    Granian copies the whole environment into the ``environ`` of every request, once this has returned. An error
    reporter that sends a request's ``environ`` would send the keys.

    What is there now is left out of all collections of garbage: it stays as long as the worker does, and a collection
    that looks at all of it answers nobody for some 55 ms.
    """
    app = server.create_app()
    for name in [name for name in os.environ if name.startswith("KALTALK_")]:
        del os.environ[name]
    gc.collect()
    gc.freeze()
    return app
