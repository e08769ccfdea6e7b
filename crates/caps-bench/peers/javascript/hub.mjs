// A small hub over stock socket.io, on node, or on bun with its own engine: the protocol's events, answered, with
// queues in memory. It does for an order what the hub does, and keeps nothing when it ends.
import { createServer } from "node:http";
import { Server } from "socket.io";

/** Delivered orders that are remembered, so that a retry is known for one. */
const MAX_REMEMBERED = 1_000_000;

/** Messages by client id and event, each a Map of message ids in the order in which they came. */
const queues = new Map();
/** How far each order is, by client id and message id. */
const orders = new Map();
/** The keys of those that are over, oldest first. */
const over = new Set();

const queue = (clientId, event) => {
  const key = `${event} ${clientId}`;
  let found = queues.get(key);
  if (!found) queues.set(key, (found = new Map()));
  return found;
};

const refusal = (code, message) => ({ status: "error", code, message, temporary: false });

/** The ids, the order as its vendor wrote it, and what is known of it. */
const read = (payload) => {
  const order = payload?.order ?? payload;
  const clientId = payload?.clientId ?? order?.store;
  const id = payload?.messageId ?? order?.orderId;
  if (typeof clientId !== "string" || (typeof id !== "string" && typeof id !== "number")) return null;
  const messageId = String(id);
  const key = `${clientId} ${messageId}`;
  return { clientId, messageId, key, order, life: orders.get(key) };
};

const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);

const events = {
  join(socket, payload) {
    socket.join(typeof payload === "string" ? payload : payload.clientId);
    return { status: "ok" };
  },

  pickup(socket, payload) {
    const which = read(payload);
    if (!which) return refusal("invalid_payload", "An order needs `store` and `orderId`.");
    const { clientId, messageId, key, order, life } = which;
    if (life) {
      if (same(life.order, order)) return { status: "ok", messageId, duplicate: true };
      if (!life.delivered) return refusal("order_conflict", `\`${messageId}\` is another order.`);
    }
    orders.set(key, { order, holder: null, delivered: false });
    const message = { event: "pickup", messageId, clientId, order };
    queue(clientId, "pickup").set(messageId, message);
    socket.to("drivers").emit("pickup", message);
    return { status: "ok", messageId };
  },

  "in-transit": (socket, payload) => move(socket, payload, "in-transit"),

  delivered: (socket, payload) => move(socket, payload, "delivered"),

  received(socket, payload) {
    const { clientId, event } = payload;
    const waiting = queue(clientId, event);
    let removed = 0;
    for (const id of payload.messageIds ?? [payload.messageId]) {
      const messageId = String(id);
      const key = `${clientId} ${messageId}`;
      const life = orders.get(key);
      if (event === "pickup" && life) {
        if (life.holder && life.holder !== socket.data.name) {
          return refusal("already_claimed", `Another driver has \`${messageId}\`.`);
        }
        life.holder = socket.data.name;
      }
      if (waiting.delete(messageId)) removed += 1;
      if (event === "delivered" && life?.delivered) remember(key);
    }
    return { status: "ok", removed };
  },

  getAll(socket, payload) {
    const { clientId, event, limit = Infinity } = payload;
    const waiting = queue(clientId, event);
    let count = 0;
    for (const message of waiting.values()) {
      if (count >= limit) break;
      socket.emit(event, message);
      count += 1;
    }
    return { status: "ok", count, remaining: waiting.size - count };
  },
};

function move(socket, payload, event) {
  const which = read(payload);
  if (!which) return refusal("invalid_payload", "A message needs `clientId` and `messageId`.");
  const { clientId, messageId, key } = which;
  let { life } = which;
  if (!life) orders.set(key, (life = { order: which.order, holder: null, delivered: false }));
  if (life.holder && life.holder !== socket.data.name) {
    return refusal("already_claimed", `Another driver has \`${messageId}\`.`);
  }
  const isKnown = life.delivered || (event === "in-transit" && life.inTransit);
  if (isKnown) return { status: "ok", messageId, duplicate: true };
  life.holder = socket.data.name;
  const message = { event, messageId, clientId, order: life.order };
  queue(clientId, event).set(messageId, message);
  if (event === "in-transit") {
    life.inTransit = true;
  } else {
    life.delivered = true;
    queue(clientId, "pickup").delete(messageId);
    queue(clientId, "in-transit").delete(messageId);
  }
  socket.to(clientId).emit(event, message);
  return { status: "ok", messageId };
}

function remember(key) {
  over.add(key);
  if (over.size > MAX_REMEMBERED) {
    const [oldest] = over;
    over.delete(oldest);
    orders.delete(oldest);
  }
}

const io = new Server();
io.of("/caps").on("connection", (socket) => {
  const { role, clientId } = socket.handshake.auth;
  socket.data.name = clientId ?? socket.id;
  if (role !== "vendor") socket.join("drivers");
  for (const [event, handle] of Object.entries(events)) {
    socket.on(event, (payload, answer) => {
      const said = handle(socket, payload);
      if (typeof answer === "function") answer(said);
    });
  }
});

if (typeof Bun === "undefined") {
  const server = createServer();
  io.attach(server);
  server.listen(0, "127.0.0.1", () => {
    console.log(`the node hub listens on http://127.0.0.1:${server.address().port}`);
  });
} else {
  const { Server: Engine } = await import("@socket.io/bun-engine");
  const engine = new Engine({ path: "/socket.io/" });
  io.bind(engine);
  const server = Bun.serve({ ...engine.handler(), hostname: "127.0.0.1", port: 0 });
  console.log(`the bun hub listens on http://127.0.0.1:${server.port}`);
}
