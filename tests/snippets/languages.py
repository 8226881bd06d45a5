"""How the code of each language is run: the program around it, the command, and what the machine needs for it.

A program reads the customer from the variable CUSTOMER, as JSON, and prints the token.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.needs import require
from tests.support.node import FOLDER as NODE

_SECONDS = 120  # Go compiles its own library at the first run
GO_LIBRARY = Path("/usr/share/gocode/src/github.com/golang-jwt/jwt")

_PYTHON = """\
import json
import os
from types import SimpleNamespace

user = SimpleNamespace(**json.loads(os.environ["CUSTOMER"]))
CODE
print(user_jwt)
"""

_NODE = """\
const user = JSON.parse(process.env.CUSTOMER);
CODE
console.log(userJwt);
"""

_RUBY = """\
require "json"
require "ostruct"

user = OpenStruct.new(JSON.parse(ENV.fetch("CUSTOMER")))
CODE
puts user_jwt
"""

# The page names the library's version 5. Debian has its version 4, whose calls here are the same.
_GO = """\
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/golang-jwt/jwt"
)

type User struct {
	ID    any
	Email string
	Name  string
}

CODE

func main() {
	var user User
	if err := json.Unmarshal([]byte(os.Getenv("CUSTOMER")), &user); err != nil {
		panic(err)
	}
	userJwt, err := signUserJWT(user)
	if err != nil {
		panic(err)
	}
	fmt.Println(userJwt)
}
"""


@dataclass(frozen=True, slots=True)
class Language:
    """The program in which ``CODE`` is what integrators copy, the command before its path, and what that needs."""

    name: str
    file: str
    program: str
    command: tuple[str, ...]
    packages: str  # Debian's
    probe: tuple[str, ...] = ()  # a command that succeeds where the library is there
    environment: Mapping[str, str] = field(default_factory=dict)
    says_without_secret: str = "KALTALK_IV_SECRET is not set"

    def run(self, code: str, customer: Mapping[str, object], secret: str | None, folder: Path) -> "Ran":
        """Run ``code`` for ``customer``, with KALTALK_IV_SECRET as given or not set. Skips without the language."""
        how = f"install it (Debian: apt install {self.packages})"
        interpreter = require(self.name, shutil.which(self.command[0]), how)
        # HOME is where Go keeps what it has compiled, so that it does so once.
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        environment = {**kept, "LC_ALL": "C.UTF-8", "CUSTOMER": json.dumps(customer), **self.environment}
        if self.probe:
            probed = subprocess.run(self.probe, env=environment, capture_output=True, check=False)
            require(f"The library for {self.name}", True if probed.returncode == 0 else None, how)
        if secret is not None:
            environment["KALTALK_IV_SECRET"] = secret
        program = folder / self.file
        program.write_text(self.program.replace("CODE", code), encoding="utf-8")
        done = subprocess.run(
            [interpreter, *self.command[1:], str(program)],
            env=environment,
            capture_output=True,
            check=False,
            encoding="utf-8",
            timeout=_SECONDS,
        )
        return Ran(done.returncode == 0, done.stdout.strip(), done.stderr)


@dataclass(frozen=True, slots=True)
class Ran:
    """Whether a program ended well, what it printed, and what it complained about."""

    well: bool
    printed: str
    complaint: str


LANGUAGES = (
    Language(
        "Node",
        "sign.js",
        _NODE,
        ("node",),
        "nodejs",
        environment={"NODE_PATH": str(NODE / "node_modules")},
        says_without_secret="secretOrPrivateKey must have a value",
    ),
    Language("Python", "sign.py", _PYTHON, (sys.executable,), "python3"),
    Language("Ruby", "sign.rb", _RUBY, ("ruby",), "ruby ruby-jwt", ("ruby", "-e", 'require "jwt"')),
    Language(
        "Go",
        "sign.go",
        _GO,
        ("go", "run"),
        "golang-go golang-github-golang-jwt-jwt-dev",
        ("test", "-d", str(GO_LIBRARY)),
        {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode"},
    ),
)
# Their libraries are not among Debian's packages, so no test runs what stands there for them.
NOT_RUN = ("PHP", "Java", "C#")
