"""The pages of the shop: home, orders, profile."""

from flask import Blueprint, flash, redirect, render_template, url_for
from flask_login import current_user, login_required
from werkzeug.wrappers import Response

from host_demo import shop
from host_demo.accounts import UsernameTaken, save
from host_demo.forms import ProfileForm

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
    return render_template("profile.html", form=ProfileForm(obj=current_user))


@blueprint.post("/profile")
@login_required  # type: ignore[untyped-decorator]
def profile_post() -> tuple[str, int] | Response:
    """Save name, username and e-mail. The id is no field of the form: nothing a browser sends can change it."""
    form = ProfileForm()
    if form.validate():
        form.populate_obj(current_user)
        try:
            save()
        except UsernameTaken:
            form.username.errors = ["This username is taken. Choose another one."]
        else:
            flash("Saved.")
            return redirect(url_for("pages.profile"))
    return render_template("profile.html", form=form), 422
