"""The command line: ``flask kaltalk-iv …``, for people who automate and for the first minute of an installation."""

from flask.cli import AppGroup

from .customers import customer
from .database import db
from .keys import keys
from .organizations import organization
from .people import agent
from .secrets import secret
from .tokens import test_token

commands = AppGroup("kaltalk-iv", help="KalTalk identity verification.")
for command in (db, organization, secret, customer, agent, keys, test_token):
    commands.add_command(command)

__all__ = ["commands"]
