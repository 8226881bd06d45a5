"""Promise 4 once more: the same request is answered alike, whatever records there are."""

from collections.abc import Iterator

from tests.model.alphabet import Identify
from tests.model.promises import Change


class Answers:
    """What each request was answered. An answer that tells one history from another tells who is a customer.

    What may matter is the mode that acts, whether the token's secret verifies, and the session that the page brings.
    """

    def __init__(self) -> None:
        self._seen: dict[object, tuple[str, tuple[str, ...]]] = {}

    def differ(self, change: Change, path: tuple[str, ...]) -> Iterator[str]:
        """Yield a sentence when ``change``, the end of ``path``, was answered otherwise than after another path."""
        step, history, now = change.step, change.history, change.after.now
        if not isinstance(step, Identify):
            return
        answer, prior = change.outcome.answer, None if step.browser is None else history.visits[step.browser]
        signer = None if step.token is None else history.signer_of(step.token)
        verifies = signer is not None and history.is_alive(signer, now)
        page_was = None if prior is None or now >= prior.ends else prior.who
        asked = (history.acts_as, step.token, step.plain, verifies, page_was)
        told = str(change.outcome)
        if answer is not None:
            goes_on = prior is not None and prior.session_id == answer.session_id
            told = f"{answer.state}, {answer.reason}, {answer.who}, {answer.notices}, goes on: {goes_on}"
        before, other_path = self._seen.setdefault(asked, (told, path))
        if before != told:
            yield f"the last request was answered ({told}), but ({before}) after: {'; '.join(other_path)}"
