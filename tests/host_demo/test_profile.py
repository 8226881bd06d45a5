"""Edit the profile: everything but the id. `test_confirmation` has what becomes of the e-mail."""

from flask import Flask

from tests.host_demo.visitor import Visitor, claims_on

NEW = {"name": "Augusta King", "username": "Countess", "email": "augusta@example.org"}


def test_name_and_username_change_and_sub_does_not(ada: Visitor) -> None:
    before = claims_on(ada.get("/profile"))
    assert ada.submit("/profile", **NEW).status_code == 302
    page = ada.get("/profile")
    after = claims_on(page)
    assert after["sub"] == before["sub"]
    assert after["name"] == "Augusta King"
    assert 'value="countess"' in page.text
    assert f'<code id="user-id">{before["sub"]}</code>' in page.text


def test_the_new_username_logs_in_and_has_the_same_sub(app: Flask, ada: Visitor) -> None:
    ada.submit("/profile", **NEW)
    again = Visitor(app)
    assert Visitor(app).log_in("ada").status_code == 422
    assert again.log_in("countess").status_code == 302
    assert claims_on(again.get("/"))["sub"] == claims_on(ada.get("/"))["sub"]


def test_an_id_sent_along_is_ignored(ada: Visitor) -> None:
    before = claims_on(ada.get("/"))["sub"]
    ada.submit("/profile", **NEW, id="u_bobs", sub="u_bobs", user_id="u_bobs", password_hash="x")
    assert claims_on(ada.get("/"))["sub"] == before
    ada.log_out()
    assert ada.log_in("countess").status_code == 302


def test_a_username_of_somebody_else_is_refused_and_nothing_is_saved(ada: Visitor) -> None:
    page = ada.submit("/profile", **{**NEW, "username": "BOB"})
    assert page.status_code == 422
    assert "This username is taken" in page.text
    assert claims_on(page)["name"] == "Ada Lovelace"
    assert claims_on(ada.get("/"))["email"] == "ada@example.com"


def test_a_refused_form_changes_nothing_that_is_signed(ada: Visitor) -> None:
    page = ada.submit("/profile", **{**NEW, "email": "nonsense"})
    assert page.status_code == 422
    assert 'value="Augusta King"' in page.text, "what was typed is still there"
    assert claims_on(page)["name"] == "Ada Lovelace"


def test_a_stranger_cannot_save(stranger: Visitor) -> None:
    answer = stranger.http.post("/profile", data={**NEW, "csrf_token": stranger.csrf_token("/login")})
    assert answer.location == "/login?next=/profile"


def test_names_of_all_the_world_are_kept(ada: Visitor) -> None:
    for name in ("עדה לאבלייס", "عادا", "艾达·洛夫莱斯", "می‌خواهم", "O’Neill-Åse", "👩‍💻"):
        assert ada.submit("/profile", **{**NEW, "name": name}).status_code == 302
        page = ada.get("/")
        assert claims_on(page)["name"] == name
        assert f"<bdi>{name}</bdi>" in page.text


def test_one_spelling_of_a_name_is_kept(ada: Visitor) -> None:
    ada.submit("/profile", **{**NEW, "name": "A\u030ase"})
    assert claims_on(ada.get("/"))["name"] == "\u00c5se"


def test_orders_are_the_same_on_every_visit(ada: Visitor) -> None:
    def orders() -> str:
        return ada.get("/orders").text.partition('<ul class="orders">')[2].partition("</main>")[0]

    assert orders() == orders()
    assert orders().count("<li") == 3
