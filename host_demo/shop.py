"""What the shop sells, and orders made up from a user id: the same ones on every visit, and no table to fill."""

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tea:
    """Something to buy."""

    name: str
    note: str
    price: int  # in cents


@dataclass(frozen=True, slots=True)
class Order:
    """Something that was bought."""

    number: str
    tea: Tea
    packets: int
    status: str

    @property
    def total(self) -> int:
        """The price of the whole order in cents."""
        return self.packets * self.tea.price


TEAS = (
    Tea("Slow Morning", "Black tea from Assam, malty and round", 890),
    Tea("Rain on Slate", "Smoked oolong with a long, cool finish", 1250),
    Tea("Second Meadow", "Chamomile, linden and lemon balm", 740),
    Tea("North Window", "Japanese sencha, bright and grassy", 1120),
    Tea("Late Library", "Rooibos with orange peel and cocoa", 680),
    Tea("Winter Pear", "White tea with dried pear", 980),
)
STATUSES = ("On its way", "Delivered", "Delivered")


def orders_of(user_id: str) -> list[Order]:
    """Three orders, newest first."""
    digest = hashlib.sha256(user_id.encode()).digest()
    return [
        Order(
            number=f"HL-{4000 + digest[3 * index] * 8 - index}",
            tea=TEAS[digest[3 * index + 1] % len(TEAS)],
            packets=1 + digest[3 * index + 2] % 3,
            status=status,
        )
        for index, status in enumerate(STATUSES)
    ]
