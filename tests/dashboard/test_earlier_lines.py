"""A long conversation: its end is shown, and every line before it can be reached."""

import itertools

import pytest
import sqlalchemy as sa

from kaltalk_iv.models import Conversation, Message
from kaltalk_iv.service.conversation import LINES_LENGTH
from kaltalk_iv.state import current_state
from tests.dashboard.desk import Desk
from tests.dashboard.page import Element


def lengthen(desk: Desk, conversation_id: str, lines: int) -> None:
    """Put lines at the end of a conversation until it has so many; each is called by its position."""
    with desk.app.app_context():
        session = current_state().session
        of_it = sa.select(Message.__table__).where(Message.conversation_id == conversation_id)
        last = session.execute(of_it.order_by(Message.position.desc()).limit(1)).one()
        like = dict(last._mapping)
        rows = [
            like | {"id": f"msg_{n}", "position": n, "text": f"line {n}", "client_message_id": None}
            for n in range(last.position + 1, lines + 1)
        ]
        session.execute(sa.insert(Message), rows)
        session.execute(sa.update(Conversation).values(message_count=lines).where(Conversation.id == conversation_id))
        session.commit()


def texts(page: Element) -> list[str]:
    """Return the texts of the lines that a page shows."""
    return [line.text for line in page.one("ol", data_live="lines").all("p", class_="text")]


def test_every_line_of_a_long_conversation_is_reached_from_its_end(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("line 1")
    lengthen(desk, conversation_id, 2 * LINES_LENGTH + 5)

    page = desk.open(conversation_id)
    found = texts(page)
    assert len(found) == LINES_LENGTH
    for _ in itertools.repeat(None, 2):
        link = page.one("p", class_="earlier").one("a")["href"]
        page = desk.page(link)
        found = texts(page) + found

    assert found == [f"line {n}" for n in range(1, 2 * LINES_LENGTH + 6)]
    assert page.one("p", class_="earlier").all("a") == []


@pytest.mark.parametrize(("lines", "links"), [(LINES_LENGTH, 0), (LINES_LENGTH + 1, 1)])
def test_the_link_stands_where_there_is_more_and_only_there(desk: Desk, lines: int, links: int) -> None:
    conversation_id = desk.visitor().verify().write("line 1")
    lengthen(desk, conversation_id, lines)

    assert len(desk.open(conversation_id).one("p", class_="earlier").all("a")) == links


def test_earlier_lines_are_read_and_not_replied_to(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("line 1")
    lengthen(desk, conversation_id, LINES_LENGTH + 1)

    page = desk.page(f"/inbox/{conversation_id}?before=2")

    assert texts(page) == ["line 1"]
    assert page.all("textarea") == []
    back = page.one("p", class_="reply").one("a")["href"]
    assert back == f"/inbox/{conversation_id}"


def test_reading_earlier_lines_leaves_the_new_ones_unread(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("Hello")

    desk.page(f"/inbox/{conversation_id}?before=1")

    assert "unread" in desk.inbox().one(data_conversation=conversation_id).text


@pytest.mark.parametrize("before", ["", "0", "-1", "1e3", "٣", "x" * 5000, "9" * 16, "\x00", "1 OR 1=1"])
def test_a_place_that_is_none_is_the_end(desk: Desk, before: str) -> None:
    conversation_id = desk.visitor().verify().write("Hello")

    answer = desk.http.get(f"/inbox/{conversation_id}", query_string={"before": before})

    assert answer.status_code == 200
    assert "<textarea" in answer.text


def test_a_place_beyond_the_end_shows_the_end(desk: Desk) -> None:
    conversation_id = desk.visitor().verify().write("Hello")

    assert texts(desk.page(f"/inbox/{conversation_id}?before={'9' * 15}")) == ["Hello"]
