"""The pages of the shop: home, orders, profile."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from host_demo import shop
from host_demo.accounts import UsernameTaken, save
from host_demo.confirmation import NotSent, WrongCode, choose_email, confirm_code, send_code, waiting_email
from host_demo.forms import CodeForm, ProfileForm

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def home() -> str:
    """The shop window, and what KalTalk was just told."""
    return render_template("home.html", teas=shop.TEAS)


@blueprint.get("/orders")
@login_required  # type: ignore[untyped-decorator]  # Flask-Login carries no types
def orders() -> str:
    """What this customer ordered."""
    return render_template("orders.html", orders=shop.orders_of(current_user.id))


@blueprint.get("/profile")
@login_required  # type: ignore[untyped-decorator]
def profile() -> str:
    """The profile as it is saved."""
    return _profile_page()


@blueprint.post("/profile")
@login_required  # type: ignore[untyped-decorator]
def profile_post() -> tuple[str, int] | Response:
    """Save name and username, and let the e-mail wait for its code.

    The id is no field of the form: nothing a browser sends can change it.
    """
    form = ProfileForm()
    if not form.validate():
        return _profile_page(form), 422
    current_user.name, current_user.username = form.name.data, form.username.data
    try:
        save()
    except UsernameTaken:
        form.username.errors = ["This username is taken. Choose another one."]
        return _profile_page(form), 422
    flash("Saved.")
    if choose_email(current_user, form.email.data):
        _send_code()
    return redirect(url_for("pages.profile"))


@blueprint.post("/profile/code")
@login_required  # type: ignore[untyped-decorator]
def new_code() -> Response:
    """Send a new code to the e-mail that waits for one."""
    _send_code()
    return redirect(url_for("pages.profile"))


@blueprint.post("/profile/email")
@login_required  # type: ignore[untyped-decorator]
def confirm_email() -> tuple[str, int] | Response:
    """Take the code, and make the e-mail that it was sent to theirs."""
    form = CodeForm()
    if form.validate():
        try:
            confirm_code(current_user, form.code.data)
        except WrongCode:
            form.code.errors = ["This is not the last code, or its hour is over. Look again, or ask for a new one."]
        else:
            flash("Your e-mail address is confirmed.")
            return redirect(url_for("pages.profile"))
    return _profile_page(code_form=form), 422


def _profile_page(form: ProfileForm | None = None, code_form: CodeForm | None = None) -> str:
    """The profile; what is not given stands as it is saved, with the e-mail that waits for its code."""
    waiting = waiting_email(current_user)
    if form is None:
        saved = {"name": current_user.name, "username": current_user.username, "email": waiting or current_user.email}
        form = ProfileForm(formdata=None, data=saved)
    return render_template("profile.html", form=form, code_form=code_form or CodeForm(formdata=None), waiting=waiting)


def _send_code() -> None:
    try:
        send_code(current_user)
    except NotSent as error:
        flash(str(error))
