"""Register, log in, log out."""

import re
import secrets

from flask import Blueprint, Flask, current_app, flash, redirect, render_template, request, session, url_for
from flask_login import LoginManager, current_user, login_user
from sqlalchemy import delete, select
from werkzeug.wrappers import Response

from host_demo import attempts
from host_demo.accounts import UsernameTaken, add_user, check_password
from host_demo.config import SIGN_IN_LIFETIME
from host_demo.confirmation import choose_email, send_code
from host_demo.forms import LoginForm, RegisterForm
from host_demo.models import SignIn, User, db

blueprint = Blueprint("auth", __name__)

# One slash and then plain segments. Browsers read //evil, /\evil and a tab or line end between two slashes
# as the address of another site, so only what is known to be harmless passes.
LOCAL_PATH = re.compile(r"/|(/[A-Za-z0-9_~-][A-Za-z0-9_.~-]*)+/?")


def init_app(app: Flask) -> None:
    """Teach the application who is logged in."""
    login_manager = LoginManager(app)
    # It would compare a hash of the visitor's address, taken from X-Forwarded-For, which anyone may send.
    login_manager.session_protection = None
    login_manager.user_loader(load_user)
    login_manager.unauthorized_handler(ask_to_log_in)


def load_user(user_id: str) -> User | None:
    """The user of this browser, as long as its sign-in was neither ended nor too long ago."""
    sign_in_id = session.get("sign_in")
    if sign_in_id is None:
        return None
    oldest = current_app.config["HOST_CLOCK"]() - SIGN_IN_LIFETIME
    return db.session.scalar(
        select(User)
        .join(SignIn, SignIn.user_id == User.id)
        .where(SignIn.id == sign_in_id, SignIn.started_at > oldest, User.id == user_id)
    )


def ask_to_log_in() -> Response:
    """Send a visitor to the log-in page, and afterwards back to the page that was asked for."""
    return redirect(url_for("auth.login", next=request.script_root + request.path))


def start_session(user: User) -> None:
    """Log the user in with a session that holds nothing of the one before: it may have been planted."""
    end_session()
    now = int(current_app.config["HOST_CLOCK"]())
    sign_in = SignIn(id=secrets.token_urlsafe(32), user_id=user.id, started_at=now)
    db.session.execute(delete(SignIn).where(SignIn.started_at <= now - SIGN_IN_LIFETIME))
    db.session.add(sign_in)
    db.session.commit()
    session["sign_in"] = sign_in.id
    login_user(user)


def end_session() -> None:
    """Empty the session and make every copy of its cookie worthless."""
    sign_in_id = session.get("sign_in")
    session.clear()
    if sign_in_id is not None:
        db.session.execute(delete(SignIn).where(SignIn.id == sign_in_id))
        db.session.commit()


def local_path(target: str | None) -> str:
    """The path to go on to after log-in: `target` when it is a plain path of this site, else the home page."""
    if target and LOCAL_PATH.fullmatch(target):
        return target
    return url_for("pages.home")


@blueprint.get("/register")
def register() -> str | Response:
    """The empty form."""
    if current_user.is_authenticated:
        return redirect(url_for("pages.home"))
    return render_template("register.html", form=RegisterForm())


@blueprint.post("/register")
def register_post() -> tuple[str, int] | Response:
    """Make the account and log in."""
    form = RegisterForm()
    if not form.validate():
        return render_template("register.html", form=form), 422
    if not attempts.may(attempts.new_account()):
        form.username.errors = ["Too many attempts came from your network. Try again in an hour."]
        return render_template("register.html", form=form), 429
    try:
        user = add_user(form.username.data, form.password.data, form.name.data)
    except UsernameTaken:
        form.username.errors = ["This username is taken. Choose another one."]
        return render_template("register.html", form=form), 422
    start_session(user)
    flash("Your account is ready, and you are logged in.")
    choose_email(user, form.email.data)
    send_code(user)
    return redirect(url_for("pages.profile"))


@blueprint.get("/login")
def login() -> str | Response:
    """The empty form; it carries `next` on."""
    target = local_path(request.args.get("next"))
    if current_user.is_authenticated:
        return redirect(target)
    return render_template("login.html", form=LoginForm(data={"next": target}))


@blueprint.post("/login")
def login_post() -> tuple[str, int] | Response:
    """Log in, with one answer for an unknown user and a wrong password."""
    form = LoginForm()
    if not form.validate():
        return render_template("login.html", form=form), 422
    counted = attempts.login(form.username.data)
    if not attempts.may(counted):
        form.password.errors = ["Too many attempts. Wait a minute and try again."]
        return render_template("login.html", form=form), 429
    user = check_password(form.username.data, form.password.data)
    if user is None:
        form.password.errors = ["Username and password do not match. Check both and try again."]
        return render_template("login.html", form=form), 422
    attempts.take_back(counted)
    start_session(user)
    return redirect(local_path(form.next.data))


@blueprint.post("/logout")
def logout() -> Response:
    """Log out. `host.js` has called `KalTalk.shutdown()` before the form was sent."""
    end_session()
    flash("You are logged out.")
    return redirect(url_for("pages.home"))
