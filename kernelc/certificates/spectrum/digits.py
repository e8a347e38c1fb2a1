"""Numbers that are known to lie in a ball, and how they are written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from flint import arb

How = Literal["rigorous", "validated"]


@dataclass(frozen=True, eq=False)
class Enclosed:
    """A number ≥ 0 in a ball; ``how`` says whether that is proved, or two computations agree so far.

    A ball of radius 0 around 0 is an exact zero.
    """

    ball: arb
    how: How = "rigorous"

    @property
    def exact_zero(self) -> bool:
        """Whether the number is 0."""
        return bool(self.ball == 0)

    @property
    def positive(self) -> bool:
        """Whether the whole ball is above 0."""
        return bool(self.ball > 0)

    @property
    def mid(self) -> float:
        """The middle, rounded."""
        return float(self.ball.mid())

    @property
    def rad(self) -> float:
        """A radius, rounded up, with which ``mid`` is the middle of a ball around the number."""
        if self.exact_zero:
            return 0.0
        away = abs(self.ball - arb(self.mid)).upper()
        return 0.0 if away == 0 else math.nextafter(float(away), math.inf)

    def text(self, digits: int = 12) -> str:
        """Decimal digits, all of them right up to one unit of the last; an upper bound where not even one is known."""
        if self.exact_zero:
            return "0"
        text = str(self.ball.str(digits, radius=False)) if self.positive else "0e"
        if text.startswith("0e"):
            return f"<= {float(self.ball.upper()) * 1.06:.1e}"  # 6 % is more than the rounding to two digits
        return text

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"mid": self.mid, "rad": self.rad, "text": self.text(30), "how": self.how}
