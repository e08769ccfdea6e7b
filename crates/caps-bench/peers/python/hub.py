"""A small hub over python-socketio and uvicorn: the protocol's events, answered, with queues in memory.

It does for an order what the hub does, and keeps nothing when it ends.
"""

import asyncio
import itertools
import socket

import socketio
import uvicorn

# Delivered orders that are remembered, so that a retry is known for one.
MAX_REMEMBERED = 1_000_000

# One task for each event would not keep them in order.
sio = socketio.AsyncServer(async_mode="asgi", async_handlers=False)

# Messages by client id and event, each a dict of message ids in the order in which they came.
queues = {}
# How far each order is, by client id and message id.
orders = {}
# The keys of those that are over, oldest first.
over = {}


class Life:
    __slots__ = ("order", "holder", "in_transit", "delivered")

    def __init__(self, order):
        self.order = order
        self.holder = None
        self.in_transit = False
        self.delivered = False


def queue(client_id, event):
    return queues.setdefault((client_id, event), {})


def refusal(code, message):
    return {"status": "error", "code": code, "message": message, "temporary": False}


def read(payload):
    """The ids, and the order as its vendor wrote it."""
    order = payload.get("order", payload)
    client_id = payload.get("clientId") or order.get("store")
    message_id = payload.get("messageId", order.get("orderId"))
    return client_id, None if message_id is None else str(message_id), order


class Caps(socketio.AsyncNamespace):
    def __init__(self):
        super().__init__("/caps")
        self.names = {}

    async def trigger_event(self, event, *args):
        # No method's name has a dash in it.
        return await super().trigger_event(event.replace("-", "_"), *args)

    async def on_connect(self, sid, environ, auth):
        auth = auth or {}
        self.names[sid] = auth.get("clientId") or sid
        if auth.get("role") != "vendor":
            await self.enter_room(sid, "drivers")

    async def on_disconnect(self, sid, *why):
        self.names.pop(sid, None)

    async def on_join(self, sid, payload):
        await self.enter_room(sid, payload if isinstance(payload, str) else payload["clientId"])
        return {"status": "ok"}

    async def on_pickup(self, sid, payload):
        client_id, message_id, order = read(payload)
        if client_id is None or message_id is None:
            return refusal("invalid_payload", "An order needs `store` and `orderId`.")
        life = orders.get((client_id, message_id))
        if life is not None:
            if life.order == order:
                return {"status": "ok", "messageId": message_id, "duplicate": True}
            if not life.delivered:
                return refusal("order_conflict", f"`{message_id}` is another order.")
        orders[client_id, message_id] = Life(order)
        message = {"event": "pickup", "messageId": message_id, "clientId": client_id, "order": order}
        queue(client_id, "pickup")[message_id] = message
        await self.emit("pickup", message, room="drivers", skip_sid=sid)
        return {"status": "ok", "messageId": message_id}

    async def on_in_transit(self, sid, payload):
        return await self.move(sid, payload, "in-transit")

    async def on_delivered(self, sid, payload):
        return await self.move(sid, payload, "delivered")

    async def move(self, sid, payload, event):
        client_id, message_id, order = read(payload)
        if client_id is None or message_id is None:
            return refusal("invalid_payload", "A message needs `clientId` and `messageId`.")
        life = orders.setdefault((client_id, message_id), Life(order))
        name = self.names[sid]
        if life.holder not in (None, name):
            return refusal("already_claimed", f"Another driver has `{message_id}`.")
        if life.delivered or (event == "in-transit" and life.in_transit):
            return {"status": "ok", "messageId": message_id, "duplicate": True}
        life.holder = name
        message = {"event": event, "messageId": message_id, "clientId": client_id, "order": life.order}
        queue(client_id, event)[message_id] = message
        if event == "in-transit":
            life.in_transit = True
        else:
            life.delivered = True
            queue(client_id, "pickup").pop(message_id, None)
            queue(client_id, "in-transit").pop(message_id, None)
        await self.emit(event, message, room=client_id, skip_sid=sid)
        return {"status": "ok", "messageId": message_id}

    async def on_received(self, sid, payload):
        client_id, event = payload["clientId"], payload["event"]
        waiting = queue(client_id, event)
        removed = 0
        for message_id in map(str, payload.get("messageIds") or [payload["messageId"]]):
            key = client_id, message_id
            life = orders.get(key)
            if event == "pickup" and life is not None:
                if life.holder not in (None, self.names[sid]):
                    return refusal("already_claimed", f"Another driver has `{message_id}`.")
                life.holder = self.names[sid]
            removed += waiting.pop(message_id, None) is not None
            if event == "delivered" and life is not None and life.delivered:
                over[key] = True
                if len(over) > MAX_REMEMBERED:
                    oldest = next(iter(over))
                    del over[oldest], orders[oldest]
        return {"status": "ok", "removed": removed}

    async def on_getAll(self, sid, payload):
        event = payload["event"]
        waiting = queue(payload["clientId"], event)
        messages = list(itertools.islice(waiting.values(), payload.get("limit")))
        for message in messages:
            await self.emit(event, message, room=sid)
        return {"status": "ok", "count": len(messages), "remaining": len(waiting) - len(messages)}


async def main():
    sio.register_namespace(Caps())
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    print(f"the python hub listens on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    app = socketio.ASGIApp(sio, socketio_path="socket.io")
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning")
    await uvicorn.Server(config).serve(sockets=[listener])


if __name__ == "__main__":
    import uvloop

    uvloop.install()
    asyncio.run(main())
