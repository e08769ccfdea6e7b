"""The stock Python client with a few verbs, as in client.mjs."""

import os
import queue
import unittest
from collections import Counter

import socketio

URL = os.environ.get("CAPS_URL", "http://localhost:3001")

# The longest that anything may take, in seconds.
BOUND = 30

TRANSPORTS = {
    "websocket": ["websocket"],
    "polling": ["polling"],
    "upgrade": ["polling", "websocket"],
}

HEARD = ["pickup", "in-transit", "delivered", "exception"]


class CountingClient(socketio.Client):
    """The library drops a second acknowledgement without a word, so it is counted below it."""

    def __init__(self):
        super().__init__(reconnection=False, handle_sigint=False)
        self.acknowledged = Counter()

    def _handle_ack(self, namespace, id, data):
        self.acknowledged[id] += 1
        return super()._handle_ack(namespace, id, data)


class Client:
    """A client that the hub has accepted into `/caps`, and all that it has heard.

    The library hands each packet to a thread of its own, so messages that come close together may be heard in
    any order: tests of order are not for this client.
    """

    def __init__(self, transport="websocket", auth=None):
        self.losses = 0
        self.socket = CountingClient()
        self.inbox = {event: queue.Queue() for event in HEARD}
        for event in HEARD:
            self.socket.on(event, self.inbox[event].put, namespace="/caps")
        self.socket.connect(
            URL,
            namespaces=["/caps"],
            transports=TRANSPORTS[transport],
            auth=auth,
            wait_timeout=BOUND,
        )
        self.socket.on("disconnect", self._lost, namespace="/caps")

    def _lost(self, *_reason):
        self.losses += 1

    def ask(self, event, *args):
        """Emits an event with an acknowledgement callback; the answer."""
        return self.socket.call(event, args or None, namespace="/caps", timeout=BOUND)

    def tell(self, event, *args):
        """Emits an event without an acknowledgement callback."""
        self.socket.emit(event, args or None, namespace="/caps")

    def next(self, event):
        """The next message of `event`."""
        return self.inbox[event].get(timeout=BOUND)

    def unread(self):
        """How many messages of each event no one has asked for."""
        return {event: inbox.qsize() for event, inbox in self.inbox.items() if inbox.qsize() > 0}

    def queue(self, store, event):
        """The messages that wait in a queue, by the order of their ids."""
        answer = ok(self.ask("getAll", {"clientId": store, "event": event}))
        messages = [self.next(event) for _ in range(answer["count"])]
        return sorted(messages, key=lambda message: message["messageId"])

    def transport(self):
        return self.socket.transport()

    def close(self):
        self.socket.disconnect()
        often = {id: times for id, times in self.socket.acknowledged.items() if times != 1}
        assert often == {}, f"acknowledged more than once: {often}"


def order(store, order_id, **extra):
    """An order as a vendor makes it."""
    return {
        "store": store,
        "orderId": order_id,
        "customer": "Zoë Ångström 🦀",
        "address": '東京都千代田区 1-2-3, "Suite" \\ 5',
        **extra,
    }


def message(event, placed):
    """The message that the hub makes of an order."""
    return {
        "event": event,
        "messageId": str(placed["orderId"]),
        "clientId": str(placed["store"]),
        "order": placed,
    }


def ok(answer, **fields):
    """The answer, which is a success with these fields."""
    assert answer["status"] == "ok", answer
    told = {field: answer.get(field) for field in fields}
    assert told == fields, f"{answer} instead of {fields}"
    return answer


def refused(answer, code):
    """The answer, which is a well-formed failure with this code."""
    assert answer["status"] == "error", answer
    assert answer["code"] == code, f"{answer} instead of {code}"
    assert set(answer) == {"status", "code", "message", "temporary"}, answer
    assert isinstance(answer["message"], str) and " " in answer["message"], answer
    assert isinstance(answer["temporary"], bool), answer
    return answer


class Case(unittest.TestCase):
    """Tests with clients that are closed after them, and stores of their own."""

    def connect(self, transport="websocket", auth=None):
        client = Client(transport, auth)
        self.addCleanup(client.close)
        return client

    def store(self):
        return self.id().rsplit(".", 1)[-1]
