"""A Redis server for one test: on a free port of this machine, keeping nothing, with a password."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.needs import require
from tests.support.servers import free_port

PASSWORD: Final = "a-password-of-redis"
HOW_TO_GET_REDIS: Final = "On Debian and Ubuntu: apt install redis-server"


class RedisServer:
    """A server that can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self._binary = require("Redis", shutil.which("redis-server"), HOW_TO_GET_REDIS)
        self._folder = folder
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Start it and return when it takes connections."""
        settings = self._folder / "redis.conf"
        settings.write_text(
            f'port {self._port}\nbind 127.0.0.1\nsave ""\nappendonly no\nrequirepass {PASSWORD}\ndir "{self._folder}"\n'
        )
        self._process = subprocess.Popen([self._binary, settings], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self._port)) == 0:
                    return
            time.sleep(0.02)
        raise RuntimeError("redis-server does not take connections")

    def stop(self) -> None:
        """End it at once, with all that it knows."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@contextmanager
def running_redis(folder: Path) -> Iterator[RedisServer]:
    """Yield a server that runs, and end it."""
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()
