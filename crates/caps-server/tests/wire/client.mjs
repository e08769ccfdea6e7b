// A stock Socket.IO client with a few verbs, the same for the 2.x, 3.x and 4.x lines.
//
// It keeps what its socket hears until a test asks for it, bounds every wait, and sees to it that no event is
// acknowledged twice. A wait that runs into its bound fails; no test passes because time went by.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { afterEach, beforeEach } from 'node:test';
import { inspect } from 'node:util';

// The clients live outside of the source tree, where ES modules would not look for them.
const require = createRequire(
  process.env.CAPS_NPM ? path.resolve(process.env.CAPS_NPM, 'package.json') : import.meta.url,
);

const URL = process.env.CAPS_URL ?? 'http://localhost:3001';

/** The longest that anything may take, in milliseconds. */
export const BOUND = 30_000;

export const VERSIONS = ['4.8', '3.1', '2.5'];

export const TRANSPORTS = {
  websocket: ['websocket'],
  polling: ['polling'],
  upgrade: ['polling', 'websocket'],
};

/** Every client version over every transport. */
export const KINDS = VERSIONS.flatMap((version) =>
  Object.keys(TRANSPORTS).map((transport) => ({ version, transport })),
);

export const name = ({ version, transport }) => `socket.io-client ${version} by ${transport}`;

const LIBRARIES = {
  '4.8': () => require('socket.io-client-4').io,
  '3.1': () => require('socket.io-client-3').io,
  '2.5': () => require('socket.io-client-2'),
};

const HEARD = ['pickup', 'in-transit', 'delivered', 'exception'];

/** What a test waits for, or a failure that says what did not come. */
export function within(promise, what, bound = BOUND) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`${bound} ms went by without ${what}`)), bound);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Asks again and again until the answer is as wanted. */
export async function until(what, ask, wanted, bound = BOUND) {
  const end = Date.now() + bound;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `${bound} ms went by without ${what}; at last: ${inspect(answer)}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

// Each test of each run has its own stores, so that tests can share a hub.
let test = 0;
beforeEach(() => {
  test += 1;
});

/** A store of this test alone. */
export const store = (name = 'acme-widgets') => `${name}-${process.pid}-t${test}`;

const anotherTests = (message) => {
  const tag = /-t(\d+)$/.exec(message?.clientId ?? '');
  return tag !== null && Number(tag[1]) !== test;
};

const open = new Set();
afterEach(() => {
  const clients = [...open];
  open.clear();
  for (const client of clients) client.close();
  for (const client of clients) client.checkAnswers();
});

/** A client that the hub has accepted into `/caps`. `options` are the stock client's own. */
export async function connect({ version = '4.8', transport = 'websocket' } = {}, options = {}) {
  const socket = LIBRARIES[version]()(`${URL}/caps`, {
    transports: TRANSPORTS[transport],
    forceNew: true,
    reconnection: false,
    timeout: BOUND,
    ...options,
  });
  const client = new Client(socket, { version, transport }, options.auth ?? {});
  open.add(client);
  const connected = new Promise((done, fail) => {
    socket.once('connect', done);
    const refused = (why) => fail(why instanceof Error ? why : new Error(inspect(why)));
    socket.once('connect_error', refused);
    socket.once('error', refused);
  });
  await within(connected, 'a connection');
  return client;
}

export const connectAs = (role, clientId, kind = {}, options = {}) =>
  connect(kind, { ...options, auth: { role, clientId } });

class Client {
  /** How often the line was lost. */
  losses = 0;
  #inbox = Object.fromEntries(HEARD.map((event) => [event, { messages: [], read: 0 }]));
  #waiting = Object.fromEntries(HEARD.map((event) => [event, []]));
  #pending = new Set();
  #answers = new Map();
  #rawAcks = 1_000_000;

  constructor(socket, kind, auth) {
    this.socket = socket;
    this.kind = kind;
    this.auth = auth;
    for (const event of HEARD) socket.on(event, (...args) => this.#hear(event, args));
    socket.on('disconnect', (reason) => {
      this.losses += 1;
      for (const fail of this.#pending) fail(new Error(`the line was lost: ${reason}`));
      this.#pending.clear();
    });
    // The stock clients drop a second acknowledgement without a word, so it is counted below them.
    socket.io.decoder.on('decoded', ({ type, id, nsp }) => {
      const isAck = type === 3 || type === 6;
      if (isAck && nsp === '/caps') this.#answers.set(id, (this.#answers.get(id) ?? 0) + 1);
    });
  }

  #hear(event, args) {
    const message = args.length === 1 ? args[0] : args;
    if (anotherTests(message)) return;
    this.#inbox[event].messages.push(message);
    this.#waiting[event].shift()?.();
  }

  /** Emits an event with an acknowledgement callback; the answer. */
  ask(event, ...args) {
    let fail;
    const answer = new Promise((done, failed) => {
      fail = failed;
      this.#pending.add(fail);
      this.socket.emit(event, ...args, (...answers) => {
        if (answers.length === 1) done(answers[0]);
        else failed(new Error(`${event} was answered with ${inspect(answers)}`));
      });
    });
    return within(answer, `an answer to ${String(event).slice(0, 40)}`).finally(() =>
      this.#pending.delete(fail),
    );
  }

  /** Emits an event without an acknowledgement callback. */
  tell(event, ...args) {
    this.socket.emit(event, ...args);
  }

  /** Sends an event whose arguments are JSON text, below the library that would rewrite it; the answer's text. */
  askText(...args) {
    const id = (this.#rawAcks += 1);
    const answer = this.text(`3/caps,${id}[`).then((text) =>
      text.slice(text.indexOf('[') + 1, -1),
    );
    this.socket.io.engine.write(`2/caps,${id}[${args.join(',')}]`);
    return answer;
  }

  /** The first packet from now on whose text starts so. */
  text(start) {
    const { engine } = this.socket.io;
    let listener;
    let fail;
    const packet = new Promise((done, failed) => {
      fail = failed;
      this.#pending.add(fail);
      listener = ({ type, data }) => {
        if (type === 'message' && typeof data === 'string' && data.startsWith(start)) done(data);
      };
      engine.on('packet', listener);
    });
    return within(packet, `a packet that starts with ${start}`).finally(() => {
      engine.off('packet', listener);
      this.#pending.delete(fail);
    });
  }

  /** The next message of `event` that no one has asked for yet. */
  async next(event) {
    const inbox = this.#inbox[event];
    const turn = inbox.read;
    inbox.read += 1;
    while (inbox.messages.length <= turn) {
      const come = new Promise((wake) => this.#waiting[event].push(wake));
      await within(come, `${event} number ${turn + 1} at ${name(this.kind)}`);
    }
    return inbox.messages[turn];
  }

  /** The next `count` messages of `event`. */
  async take(event, count) {
    const messages = [];
    while (messages.length < count) messages.push(await this.next(event));
    return messages;
  }

  /** Everything of `event` that no one has asked for yet. */
  unread(event) {
    const inbox = this.#inbox[event];
    const messages = inbox.messages.slice(inbox.read);
    inbox.read = Math.max(inbox.read, inbox.messages.length);
    return messages;
  }

  /** Waits until everything that the hub has sent to this socket has come; not for a reader that is behind. */
  async settle() {
    const { role, clientId } = this.auth;
    const own = role === 'vendor' ? clientId : 'nobody';
    const event = role === 'vendor' ? 'delivered' : 'pickup';
    ok(await this.ask('getAll', { clientId: own, event, limit: 0 }));
  }

  /** Asserts that nothing has come that no one has asked for. */
  async hearsNothing(...events) {
    await this.settle();
    for (const event of events.length > 0 ? events : HEARD) {
      assert.deepEqual(this.unread(event), [], `${event} at ${name(this.kind)}`);
    }
  }

  /** The messages that wait in a queue, and what the hub says of them. */
  async queue(clientId, event) {
    assert.deepEqual(this.unread(event), [], 'nothing unread before a replay');
    const answer = ok(await this.ask('getAll', { clientId, event }));
    assert.ok(Number.isInteger(answer.count), inspect(answer));
    return this.take(event, answer.count);
  }

  /** Waits until a connection that began with polling has become a WebSocket. */
  async upgraded() {
    const { engine } = this.socket.io;
    if (engine.transport.name === 'websocket') return;
    await within(new Promise((done) => engine.once('upgrade', done)), 'an upgrade to WebSocket');
    assert.equal(engine.transport.name, 'websocket');
  }

  /** Stops reading from the line, as a client does that cannot keep up. WebSocket only. */
  pause() {
    this.socket.io.engine.transport.ws._socket.pause();
  }

  resume() {
    this.socket.io.engine.transport.ws._socket.resume();
  }

  /** Cuts the line without a goodbye. WebSocket only. */
  cut() {
    this.socket.io.engine.transport.ws.terminate();
  }

  /** Says goodbye. */
  close() {
    this.socket.disconnect();
  }

  /** Says goodbye and waits until the hub has answered. WebSocket only. */
  async leave() {
    const { ws } = this.socket.io.engine.transport;
    const closed = new Promise((done) => ws.once('close', done));
    this.close();
    await within(closed, 'the end of the line');
  }

  checkAnswers() {
    const often = [...this.#answers].filter(([, times]) => times !== 1);
    assert.deepEqual(often, [], `acknowledged more than once at ${name(this.kind)}`);
  }
}

/** An order as a vendor makes it. */
export const order = (store, orderId, extra = {}) => ({
  store,
  orderId,
  customer: 'Zoë Ångström 🦀',
  address: '東京都千代田区 1-2-3, "Suite" \\ 5',
  ...extra,
});

/** The message that the hub makes of an order. */
export const message = (event, order) => ({
  event,
  messageId: String(order.orderId),
  clientId: String(order.store),
  order,
});

/** Orders of a store, numbered from 0. */
export const orders = (store, count, from = 0) =>
  Array.from({ length: count }, (_, i) => order(store, `order-${from + i}`));

export const ids = (messages) => messages.map(({ messageId }) => messageId);

/** The answer, which is a success with these fields. Without fields, anything that succeeded will do. */
export function ok(answer, fields) {
  assert.equal(answer?.status, 'ok', inspect(answer));
  if (fields !== undefined) {
    const told = Object.fromEntries(Object.keys(fields).map((field) => [field, answer[field]]));
    assert.deepEqual(told, fields);
    assert.equal(answer.duplicate ?? false, fields.duplicate ?? false, inspect(answer));
  }
  return answer;
}

const CODES = [
  'invalid_payload',
  'unknown_event',
  'order_conflict',
  'already_claimed',
  'already_delivered',
  'queue_full',
  'payload_too_large',
  'rate_limited',
  'busy',
  'unauthorized',
  'forbidden',
  'internal',
];

/** The answer, which is a well-formed failure with one of these codes. */
export function refused(answer, ...codes) {
  const text = inspect(answer);
  assert.equal(answer?.status, 'error', `${text} instead of ${codes.join(' or ')}`);
  assert.deepEqual(Object.keys(answer).sort(), ['code', 'message', 'status', 'temporary'], text);
  assert.ok(CODES.includes(answer.code), text);
  assert.ok(codes.includes(answer.code), `${text} instead of ${codes.join(' or ')}`);
  assert.match(answer.message, /^\S.*\s.*\S$/, `a sentence in ${text}`);
  assert.equal(typeof answer.temporary, 'boolean', text);
  return answer;
}

/** Places orders, all answered `ok`. Pipelined: the next does not wait for the last one's answer. */
export async function place(vendor, orders) {
  const answers = await Promise.all(orders.map((order) => vendor.ask('pickup', order)));
  answers.forEach((answer, i) => ok(answer, { messageId: String(orders[i].orderId) }));
}

/** Takes an order on the road and to its door, as a driver does. */
export async function carry(driver, pickup) {
  ok(await driver.ask('in-transit', pickup));
  ok(await driver.ask('delivered', pickup));
  ok(await driver.ask('received', pickup));
}

/** Numbers below `n` that look random, the same for the same seed (mulberry32). Prints the seed. */
export function random(t) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32));
  assert.ok(Number.isInteger(seed), 'SEED is an integer');
  t.diagnostic(`SEED=${seed}`);
  let state = seed >>> 0;
  return (n) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * n);
  };
}
