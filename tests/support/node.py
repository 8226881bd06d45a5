"""Real tokens of Node's `jsonwebtoken`, signed by a Node process that stays up for the whole test run."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.needs import require

FOLDER = Path(__file__).parent.parent / "node"


class NodeRefusedToSignError(Exception):
    """The library refused to make this token; its own sentence is the message."""


class NodeSigner:
    """Signs tokens in Node. Values go over as JSON, so an `undefined` is a member that is left out."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def sign_like_the_guide(self, user: Mapping[str, Any], secret: str) -> str:
        """Return the token of the call that the guide prints, for a user with `id`, `email` and `name`."""
        return self._ask({"user": user, "secret": secret})

    def sign(self, payload: object, secret: str, **options: object) -> str:
        """Return the token of `jwt.sign(payload, secret, options)`. Raises NodeRefusedToSignError."""
        return self._ask({"payload": payload, "secret": secret, "options": options})

    def sign_with_decoded_key(self, payload: object, secret: str) -> str:
        """Return the token of `jwt.sign(payload, Buffer.from(secret, "base64"))`, as careless hosts sign."""
        return self._ask({"payload": payload, "secret": secret, "decodes": True, "options": {}})

    def _ask(self, request: Mapping[str, object]) -> str:
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            msg = "the Node process was started without pipes"
            raise RuntimeError(msg)
        print(json.dumps(request), file=requests, flush=True)
        line = answers.readline()
        if not line:
            msg = "Node ended; what it said stands in the captured output"
            raise RuntimeError(msg)
        answer: dict[str, str] = json.loads(line)
        if "error" in answer:
            raise NodeRefusedToSignError(answer["error"])
        return answer["token"]


@contextmanager
def running_signer() -> Iterator[NodeSigner]:
    """Yield a signer; install its library first where that is missing. Skips without Node.js, npm or the library."""
    node = require("Node.js", shutil.which("node"), "install it (Debian: apt install nodejs npm)")
    install_packages()
    with subprocess.Popen(
        [node, "sign.js"], cwd=FOLDER, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield NodeSigner(process)
        finally:
            process.kill()


def install_packages() -> None:
    """Install what `package.json` names, once for each lock file. Skips without npm or when it fails."""
    npm = require("npm", shutil.which("npm"), "install it (Debian: apt install npm)")
    lock_file, stamp = FOLDER / "package-lock.json", FOLDER / "node_modules" / ".installed"
    with lock_file.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs in one checkout: one installs, the other waits
        wanted = hashlib.file_digest(lock, "sha256").hexdigest()
        if stamp.exists() and stamp.read_text(encoding="ascii") == wanted:
            return
        done = subprocess.run([npm, "ci"], cwd=FOLDER, capture_output=True, text=True, check=False)
        installed = True if done.returncode == 0 else None
        require("what tests/node needs", installed, f"npm ci in tests/node failed: {done.stderr.strip()}")
        stamp.write_text(wanted, encoding="ascii")
