"""The list of the inbox: filters and a search in the URL, sentences where nothing is, and the buttons that close."""

import itertools
from urllib.parse import urlsplit

import pytest

from kaltalk_iv import testing
from kaltalk_iv.service import inbox
from kaltalk_iv.state import Viewer
from kaltalk_iv.store import listing as store
from tests.dashboard.desk import Desk
from tests.dashboard.page import Element, read_page

HOSTILE = [
    "\x00",
    "a" * 10_000,
    "%",
    "_",
    "'",
    '"><script>alert(1)</script>',
    "\u202egnp",
    "{{7*7}}",
    "\ud7ff",
    "\U0010ffff",
]
WORDS = {"Anonymous": "anonymous", "Not checked": "unverified"}


def page(desk: Desk, query: str = "") -> Element:
    """Return the inbox as the URL with ``query`` shows it."""
    answer = desk.get(f"/inbox{query}")
    assert answer.status_code == 200, query
    return read_page(answer.text)


def rows(shown: Element) -> dict[str, str]:
    """Return the conversations of a page with the identity that their rows show."""
    found = {}
    for row in shown.all("li", data_conversation=None):
        shields = [shield["data-shield"] for shield in row.all(data_shield=None)]
        words = [word for word in WORDS if word in row.one("span", class_="marks").text]
        (found[row["data-conversation"]],) = shields or [WORDS[word] for word in words]
    return found


def close(desk: Desk, conversation_id: str, query: str = "", **fields: str) -> str:
    """Press the button that closes or reopens, and return where it leads."""
    form = read_page(desk.get(f"/inbox/{conversation_id}{query}").text).one("form", class_="status")
    values = {box["name"]: box["value"] for box in form.all("input", type="hidden")}
    answer = desk.http.post(form["action"], data=values | {"status": form.one("button")["value"]} | fields)
    if answer.status_code == 303:
        return answer.headers["Location"]
    return f"{answer.status_code} {read_page(answer.text).one('main').text}"


@pytest.fixture
def people(desk: Desk) -> dict[str, str]:
    """Let one visitor of each kind write, and close what two of them wrote."""
    visits = {
        "proven": desk.visitor().verify(name="Ada Lovelace", email="ada@example.com"),
        "proven, closed": desk.visitor().verify("u_bob", name="Bob"),
        "claimed": desk.visitor().identify(email="carla@example.com", name="Carla"),
        "claimed, closed": desk.visitor().identify(externalId="u_dan"),
        "anonymous": desk.visitor().identify(),
    }
    ids = {kind: visit.write() for kind, visit in visits.items()}
    for kind in ("proven, closed", "claimed, closed"):
        close(desk, ids[kind])
    return ids


def test_every_filter_lists_exactly_the_rows_that_show_it(desk: Desk, people: dict[str, str]) -> None:
    def check() -> set[str]:
        everything = rows(page(desk, "?status=all"))
        assert len(everything) == len(people)
        closed = {people["proven, closed"], people["claimed, closed"]}
        for identity, status in itertools.product(("", "verified", "unverified", "anonymous"), ("", "closed", "all")):
            wanted = {
                conversation_id
                for conversation_id, shown in everything.items()
                if identity in {"", shown} and (status == "all" or (conversation_id in closed) == (status == "closed"))
            }
            assert set(rows(page(desk, f"?identity={identity}&status={status}"))) == wanted, (identity, status)
        return set(everything.values())

    assert check() == {"verified", "unverified", "anonymous"}
    for change in ({"mode": "off"}, {"mode": "required"}, {"plan": "free"}, {"plan": "pro", "mode": "optional"}):
        testing.set_organization(desk.app, "org_shop", **change)
        assert check() >= {"unverified", "anonymous"}
    desk.replace_secrets()
    assert check() == {"unverified", "anonymous"}


def test_the_links_of_the_filters_say_which_is_set_and_keep_the_others(desk: Desk, people: dict[str, str]) -> None:
    shown = page(desk, "?identity=unverified&status=closed&q=u_")
    current = [link.text for link in shown.one("nav", class_="filters").all("a", aria_current="true")]
    assert current == ["Unverified", "Closed"]
    assert list(rows(shown)) == [people["claimed, closed"]]
    for link in shown.one("nav", class_="filters").all("a"):
        assert "q=u_" in link["href"]
    assert urlsplit(next(link["href"] for link in shown.all("a") if link.text == "Clear filters")).query == ""
    hidden = {box["name"]: box["value"] for box in shown.one("form", class_="search").all("input", type="hidden")}
    assert hidden == {"identity": "unverified", "status": "closed"}
    assert shown.one("input", type="search")["value"] == "u_"


def test_the_list_beside_a_conversation_keeps_its_filters(desk: Desk, people: dict[str, str]) -> None:
    query = "?identity=verified&status=all"
    row = page(desk, query).one("li", data_conversation=people["proven"])
    opened = read_page(desk.get(row.one("a")["href"]).text)
    assert set(rows(opened.one("nav", class_="list"))) == {people["proven"], people["proven, closed"]}
    for address in (
        opened.one("a", class_="back")["href"],
        opened.one("form", class_="reply")["action"],
        opened.one("div", class_="columns")["data-live-url"],
        close(desk, people["proven"], query),
    ):
        assert urlsplit(address).query == query[1:]


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_in_a_url_breaks_the_list(desk: Desk, people: dict[str, str], text: str) -> None:
    for name in ("identity", "status", "older", "newer", "q"):
        answer = desk.http.get("/inbox", query_string={name: text})
        assert answer.status_code == 200, name
        shown = read_page(answer.text)
        assert "<script>alert" not in answer.text
        assert "49" not in shown.one("main").text
        beside = desk.http.get(f"/inbox/{people['proven']}", query_string={name: text})
        assert beside.status_code == 200, name
        if name != "q":
            assert len(rows(shown)) == 3


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?status=closed", "No closed conversations."),
        ("?identity=anonymous", "No open anonymous conversations."),
        ("?identity=verified&status=all", "No verified conversations."),
        ("?q=nobody", "No open conversations found."),
        ("?older=P_AAAAAAAABjb25fMQ", "No older conversations."),
    ],
)
def test_where_nothing_is_a_sentence_says_what(desk: Desk, query: str, sentence: str) -> None:
    desk.visitor().identify(email="carla@example.com").write()
    shown = page(desk, query)
    assert shown.one("div", class_="empty").one("strong").text == sentence
    assert "appears here at once" not in shown.text


def test_a_search_that_looked_through_only_some_does_not_say_that_there_is_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "SEARCH_WIDTH", 2)
    for number in range(4):
        desk.visitor().verify(f"u_{number}", name=f"Maria {number}")
    last = desk.visitor().identify(externalId="u_3").write()

    sentence = page(desk, "?q=maria").one("div", class_="empty").one("strong").text

    assert sentence == "Many match. Only some were looked through: type more."
    assert rows(page(desk, "?q=maria+3")) == {last: "unverified"}


def test_an_organization_without_conversations_is_told_how_to_begin(desk: Desk) -> None:
    assert "appears here at once" in page(desk).text
    close(desk, desk.visitor().verify().write())
    assert page(desk).one("div", class_="empty").one("strong").text == "No open conversations."


def test_with_verification_off_nobody_is_verified_and_the_page_says_why(desk: Desk) -> None:
    desk.visitor().verify().write()
    testing.set_organization(desk.app, "org_shop", mode="off")
    assert "Identity verification is off" in page(desk, "?identity=verified").one("div", class_="empty").text


def test_a_search_shows_amber_beside_green_for_one_and_the_same_name(desk: Desk, people: dict[str, str]) -> None:
    pretender = desk.visitor().identify(email="ada@example.com", name="Ada Lovelace").write()
    assert rows(page(desk, "?q=ADA")) == {pretender: "unverified", people["proven"]: "verified"}
    assert rows(page(desk, "?q=ada%40&identity=verified")) == {people["proven"]: "verified"}


def test_pages_lead_down_and_up_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "LIST_LENGTH", 2)
    made: list[str] = []
    for number in range(5):
        desk.clock.now += 1
        made.insert(0, desk.visitor().identify(email=f"p{number}@example.com").write())

    def follow(shown: Element, label: str) -> Element:
        (link,) = [link for link in shown.one("nav", class_="pages").all("a") if link.text == label]
        return read_page(desk.get(link["href"]).text)

    first = page(desk)
    second = follow(first, "Older")
    third = follow(second, "Older")
    assert [list(rows(shown)) for shown in (first, second, third)] == [made[:2], made[2:4], made[4:]]
    assert list(rows(follow(third, "Newer"))) == made[2:4]
    assert list(rows(follow(follow(third, "Newer"), "Newer"))) == made[:2]
    assert list(rows(follow(third, "Newest"))) == made[:2]
    assert [link.text for link in third.one("nav", class_="pages").all("a")] == ["Newest", "Newer"]


def test_the_title_counts_unread_conversations_and_not_their_lines(desk: Desk) -> None:
    visits = [desk.visitor().identify(email=f"p{number}@example.com") for number in range(3)]
    ids = [visit.write() for visit in visits]
    visits[0].write("Again")
    assert page(desk).one("title").text == "(3) Inbox – KalTalk"
    assert desk.open(ids[0]).one("title").text.startswith("(2) ")
    assert page(desk, "?identity=verified&status=closed").one("title").text == "(2) Inbox: verified, closed – KalTalk"


def test_closing_and_reopening_are_lines_that_name_the_agent(desk: Desk) -> None:
    visit = desk.visitor().verify()
    conversation_id = visit.write()
    close(desk, conversation_id)
    close(desk, conversation_id)
    close(desk, conversation_id)
    visit.write("Still there?")
    events = [
        line.text
        for line in desk.open(conversation_id).one("div", class_="lines").all("li", data_message=None)
        if "event" in line["class"]
    ]
    assert [text.split(" 01 Jan")[0] for text in events] == [
        "Closed by Alan Turing",
        "Reopened by Alan Turing",
        "Closed by Alan Turing",
        "Reopened by a new message",
    ]
    assert visit.read() == ["Hello", "Still there?"]


def test_a_reply_to_a_closed_conversation_is_sent_and_it_stays_closed(desk: Desk) -> None:
    visit = desk.visitor().verify()
    conversation_id = visit.write()
    close(desk, conversation_id)
    assert "stays closed" in desk.open(conversation_id).one(id="reach").text
    assert desk.reply(conversation_id, "One more thing").status_code == 303
    assert visit.read() == ["Hello", "One more thing"]
    assert conversation_id in rows(page(desk, "?status=closed"))


def test_a_conversation_in_which_the_visitor_wrote_meanwhile_is_not_closed(desk: Desk) -> None:
    visit = desk.visitor().verify()
    conversation_id = visit.write()
    visit.write("And another thing")
    for seen in ("1", "", "-1", "x", "9" * 40, "\u0661"):
        assert close(desk, conversation_id, seen=seen).startswith("409 "), seen
    assert "Nothing was closed" in close(desk, conversation_id, seen="1")
    assert conversation_id in rows(page(desk))
    assert close(desk, conversation_id, seen="2").endswith(conversation_id)


def test_another_organizations_conversation_is_not_closed(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write()
    form = desk.open(conversation_id).one("form", class_="status")
    values = {box["name"]: box["value"] for box in form.all("input", type="hidden")} | {"status": "closed"}
    testing.add_organization(desk.app, "org_other")
    desk.answer = Viewer("Mallory", "org_other")
    assert desk.http.post(form["action"], data=values).status_code == 404
    desk.answer = Viewer("Alan Turing", "org_shop")
    assert conversation_id in rows(page(desk))
