"""The recipients that make the imitation do something particular; all are reserved numbers and reach nobody.

`normal`         sent, then delivered, then read
`receipts-off`   sent, then delivered; never read, because the recipient shows no read receipts
`fails`          never sent: a test key's 201 says failed at once, a live key's says pending and becomes failed
`read-at-once`   sent, then read without having been seen as delivered in between

Any other recipient behaves like `normal`.
"""

from __future__ import annotations

from dataclasses import dataclass

RECIPIENTS = {
    "normal": "+12025550101",
    "receipts-off": "+12025550102",
    "fails": "+12025550103",
    "read-at-once": "+12025550104",
}
"""What the recipient does -> its number."""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What becomes of a message to one number."""

    fails: bool = False
    shows_delivery: bool = True
    """Whether delivered is a state of its own, before read."""
    reads: bool = True


NORMAL = Behaviour()

BEHAVIOURS = {
    RECIPIENTS["receipts-off"]: Behaviour(reads=False),
    RECIPIENTS["fails"]: Behaviour(fails=True),
    RECIPIENTS["read-at-once"]: Behaviour(shows_delivery=False),
}
"""Number -> behaviour, where it is not the normal one."""
