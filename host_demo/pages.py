"""The pages of the shop: home, orders, profile."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from host_demo import shop
from host_demo.accounts import UsernameTaken, save
from host_demo.confirmation import WrongCode, choose_email, confirm, is_code_out, send_code, waiting_email
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
    """Save what was typed, take the code for a new e-mail, or send a code: each has a button."""
    if "new_code" in request.form:
        send_code(current_user)
    elif "code" in request.form:
        form = CodeForm()
        if not is_code_out(current_user):
            flash("No code is out for this browser. Ask for a new one.")
        elif not form.validate() or not _confirm(form):
            return _profile_page(code_form=form), 422
    else:
        profile_form = ProfileForm()
        if not profile_form.validate() or not _save(profile_form):
            return _profile_page(profile_form), 422
    return redirect(url_for("pages.profile"))


def _save(form: ProfileForm) -> bool:
    """Save name and username, and let a new e-mail wait for its code; false with an error in the form.

    The id is no field of the form: nothing a browser sends can change it.
    """
    current_user.name, current_user.username = form.name.data, form.username.data
    try:
        save(form.username.data)
    except UsernameTaken:
        form.username.errors = ["This username is taken. Choose another one."]
        return False
    flash("Saved.")
    if choose_email(current_user, form.email.data):
        send_code(current_user)
    return True


def _confirm(form: CodeForm) -> bool:
    """Take the code, and make the e-mail that waits theirs; false with an error in the form."""
    try:
        email = confirm(current_user, form.code.data)
    except WrongCode:
        form.code.errors = ["This is not the last code that this browser asked for. Look again, or ask for a new one."]
        return False
    flash(f"{email} is confirmed.")
    return True


def _profile_page(form: ProfileForm | None = None, code_form: CodeForm | None = None) -> str:
    """The profile; what is not given stands as it is saved, with the e-mail that waits for its code."""
    if form is None:
        email = waiting_email(current_user) or current_user.email
        saved = {"name": current_user.name, "username": current_user.username, "email": email}
        form = ProfileForm(formdata=None, data=saved)
    return render_template(
        "profile.html",
        form=form,
        code_form=code_form or CodeForm(formdata=None),
        waiting=waiting_email(current_user),
        is_code_out=is_code_out(current_user),
    )
