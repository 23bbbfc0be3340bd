"""WhatsAPI's imitation. It shows what the documents promise, and is no promise of the provider's.

`WhatsapiMachine` is the way in. A request goes through `machine`, `routes`, `body` and one of the `*_operations`;
`lifecycle` decides what becomes of a message, `mailbox` finds it again, `webhooks` tells the customer.
"""

from affidavit.sandbox.whatsapi.machine import WhatsapiMachine
from affidavit.sandbox.whatsapi.options import Options
from affidavit.sandbox.whatsapi.recipients import RECIPIENTS

__all__ = ["RECIPIENTS", "Options", "WhatsapiMachine"]
