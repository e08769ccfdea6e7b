// Bad input of every kind is answered, harms nobody, and leaves the line open.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { KINDS, connect, ids, message, name, ok, order, orders, place, refused, store, within } from './client.mjs';

const EVENTS = ['join', 'subscribe', 'pickup', 'in-transit', 'delivered', 'release', 'received', 'getAll'];

/** What no event takes as its payload. */
const NONSENSE = [1.5, true, false, [], [1, 2, 3], [[['deep']]], ['pickup', { store: 'x' }]];

/** What is no id. */
const NO_IDS = [
  '',
  'x'.repeat(10_000),
  'line\nbreak',
  'nul\u0000',
  '\u001b[2J',
  'tab\tbed',
  1.5,
  true,
  [],
  ['x'],
  {},
];

/** `[event, ...arguments]` of every bad event. */
function* bad(shop) {
  for (const event of EVENTS) {
    for (const payload of NONSENSE) yield [event, payload];
    if (event === 'getAll') continue; // takes nothing at all
    yield [event];
    yield [event, null];
    yield [event, {}];
    if (event !== 'join') yield [event, 'acme-widgets'];
  }
  for (const noId of NO_IDS) {
    if (typeof noId === 'string') yield ['join', noId];
    yield ['join', { clientId: noId }];
    yield ['subscribe', { clientId: noId, event: 'delivered' }];
    yield ['pickup', { store: noId, orderId: 'one', customer: 'Kim' }];
    yield ['pickup', { store: shop, orderId: noId, customer: 'Kim' }];
    for (const event of ['in-transit', 'delivered']) {
      yield [event, { clientId: noId, messageId: 'one', order: { customer: 'Kim' } }];
      yield [event, { clientId: shop, messageId: noId, order: { customer: 'Kim' } }];
    }
    yield ['release', { clientId: noId, messageId: 'order-0' }];
    yield ['release', { clientId: shop, messageId: noId }];
    yield ['received', { clientId: noId, event: 'pickup', messageId: 'order-0' }];
    yield ['received', { clientId: shop, event: 'pickup', messageId: noId }];
    yield ['received', { clientId: shop, event: 'pickup', messageIds: ['order-0', noId] }];
    yield ['getAll', { clientId: noId, event: 'pickup' }];
  }
  for (const noEvent of ['', 'pickups', 'Pickup', 'getAll', 7, true, {}, ['pickup']]) {
    yield ['subscribe', { clientId: shop, event: noEvent }];
    yield ['received', { clientId: shop, event: noEvent, messageId: 'order-0' }];
    yield ['getAll', { clientId: shop, event: noEvent }];
  }
  for (const limit of [-1, 1.5, 'all', {}, [], true]) {
    yield ['getAll', { clientId: shop, event: 'pickup', limit }];
  }
  for (const messageIds of [7, 'order-0', {}, true]) {
    yield ['received', { clientId: shop, event: 'pickup', messageIds }];
  }
  for (const noOrder of [7, 'an order', true, [], [{}]]) {
    yield ['pickup', { event: 'pickup', clientId: shop, messageId: 'one', order: noOrder }];
  }
  yield ['pickup', { orderId: 'one', customer: 'no store' }];
  yield ['subscribe', { clientId: shop }];
  yield ['subscribe', { event: 'delivered' }];
  yield ['release', { clientId: shop }];
  yield ['release', { messageId: 'order-0' }];
  yield ['received', { clientId: shop, event: 'pickup' }];
  yield ['received', { clientId: shop, messageId: 'order-0' }];
  yield ['received', { event: 'pickup', messageId: 'order-0' }];
  yield ['in-transit', { clientId: shop, order: { customer: 'no id' } }];
  yield ['delivered', { clientId: shop, order: { customer: 'no id' } }];
  for (const noProof of [7, 'signed', true, [], [{}]]) {
    yield ['delivered', { clientId: shop, messageId: 'one', order: {}, proof: noProof }];
  }
}

const UNKNOWN = [
  'nonsense',
  'Pickup',
  'in_transit',
  ' pickup',
  'pickup ',
  'exception',
  'message',
  'constructor',
  '__proto__',
  'żółw 🦀',
  'x'.repeat(10_000),
];

/** A store whose queue and whose listener must come through whatever `harm` does. */
async function unharmed(kind, harm) {
  const shop = store('bystander');
  const [vendor, bystander, hostile] = [await connect(), await connect(), await connect(kind)];
  ok(await bystander.ask('subscribe', { clientId: shop, event: 'pickup' }));
  await place(vendor, orders(shop, 3));
  await bystander.take('pickup', 3);
  await hostile.take('pickup', 3);

  await harm(hostile, shop);

  await bystander.hearsNothing();
  assert.deepEqual(ids(await bystander.queue(shop, 'pickup')), ['order-0', 'order-1', 'order-2']);
  for (const client of [vendor, bystander, hostile]) assert.equal(client.losses, 0);
  const good = order(shop, 'a good one');
  ok(await hostile.ask('pickup', good), { messageId: 'a good one' });
  assert.deepEqual(await bystander.next('pickup'), message('pickup', good));
  await hostile.hearsNothing();
}

for (const kind of KINDS) {
  test(`bad payloads from ${name(kind)} are answered with what is wrong`, () =>
    unharmed(kind, async (hostile, shop) => {
      for (const [event, ...args] of bad(shop)) {
        const what = inspect([event, ...args]).slice(0, 200);
        const answer = await hostile.ask(event, ...args);
        assert.equal(answer?.status, 'error', `${what} got ${inspect(answer)}`);
        assert.equal(refused(answer, 'invalid_payload').temporary, false, what);
      }
    }));

  test(`bad payloads from ${name(kind)} without a callback are answered by an exception`, () =>
    unharmed(kind, async (hostile, shop) => {
      for (const [event, ...args] of bad(shop)) {
        const told = await hostile.ask(event, ...args);
        hostile.tell(event, ...args);
        assert.deepEqual(await hostile.next('exception'), told);
      }
    }));

  test(`unknown events from ${name(kind)} are answered`, () =>
    unharmed(kind, async (hostile) => {
      for (const event of UNKNOWN) {
        for (const args of [[], [null], [{ store: 'x' }], ['a', 'b', 'c']]) {
          const told = refused(await hostile.ask(event, ...args), 'unknown_event');
          assert.equal(told.temporary, false);
          hostile.tell(event, ...args);
          assert.deepEqual(await hostile.next('exception'), told);
        }
      }
    }));

  test(`a payload of a megabyte from ${name(kind)} is answered, and one below the bound is carried`, () =>
    unharmed(kind, async (hostile, shop) => {
      const giant = order(shop, 'giant', { note: 'x'.repeat(1_000_000) });
      refused(await hostile.ask('pickup', giant), 'payload_too_large');
      for (const event of ['in-transit', 'delivered', 'received']) {
        const said = { ...message('pickup', orders(shop, 1)[0]), order: giant };
        refused(await hostile.ask(event, said), 'payload_too_large');
      }
      hostile.tell('pickup', giant);
      refused(await hostile.next('exception'), 'payload_too_large');

      const elsewhere = store('elsewhere');
      const listener = await connect(kind);
      const large = order(elsewhere, 'large', { note: 'é'.repeat(100_000) });
      ok(await hostile.ask('pickup', large), { messageId: 'large' });
      assert.deepEqual(await listener.next('pickup'), message('pickup', large));
      assert.deepEqual(await listener.queue(elsewhere, 'pickup'), [message('pickup', large)]);
    }));

  test(`an order nested five levels deep from ${name(kind)} is carried`, () =>
    unharmed(kind, async (hostile) => {
      const nested = { one: { two: [{ three: { four: { five: ['down here'] } } }] } };
      const deep = order(store('elsewhere'), 'deep', nested);
      const driver = await connect(kind);
      ok(await hostile.ask('pickup', deep), { messageId: 'deep' });
      assert.deepEqual(await driver.next('pickup'), message('pickup', deep));
    }));

  test(`an order nested absurdly deep from ${name(kind)} is answered`, () =>
    unharmed(kind, async (hostile, shop) => {
      const depth = 5_000;
      const absurd = `{"store":"${shop}","orderId":"absurd","x":${'['.repeat(depth)}${']'.repeat(depth)}}`;
      refused(JSON.parse(await hostile.askText('"pickup"', absurd)), 'invalid_payload');
    }));

  test(`a pickup with several arguments from ${name(kind)} is kept as the first of them or refused`, () =>
    unharmed(kind, async (hostile) => {
      const elsewhere = store('elsewhere');
      const driver = await connect();
      const [first, second] = orders(elsewhere, 2);
      const answer = await hostile.ask('pickup', first, second, 7, null);
      const kept = answer.status === 'ok' ? [message('pickup', first)] : [];
      if (answer.status !== 'ok') refused(answer, 'invalid_payload');
      assert.deepEqual(await driver.take('pickup', kept.length), kept);
      await driver.hearsNothing();
      assert.deepEqual(await driver.queue(elsewhere, 'pickup'), kept);
    }));

  test(`binary attachments from ${name(kind)} are refused`, () =>
    unharmed(kind, async (hostile, shop) => {
      const photo = Buffer.from([0, 1, 2, 253, 254, 255]);
      for (const event of EVENTS) {
        refused(await hostile.ask(event, photo), 'invalid_payload');
        refused(await hostile.ask(event, order(shop, 'one', { photo })), 'invalid_payload');
        refused(await hostile.ask(event, order(shop, 'one', { photo, more: [photo] })), 'invalid_payload');
      }
      hostile.tell('pickup', order(shop, 'one', { photo }));
      refused(await hostile.next('exception'), 'invalid_payload');
      refused(await hostile.ask('nonsense', photo), 'unknown_event', 'invalid_payload');
    }));
}

// The hub's Socket.IO library takes a name that JSON writes with an escape, or that is no string, for a broken
// packet, and a broken packet ends its connection. No event of the hub has such a name.
for (const written of [
  '"nul\\u0000"',
  '"quo\\"ted"',
  '"back\\\\slash"',
  '"line\\nbreak"',
  '"\\u017c\\u00f3\\u0142w"',
]) {
  test(`an unknown event whose name is written ${written} costs its sender the line, and nobody else`, () =>
    costsTheLine(written));
}

test('an event whose name is a number costs its sender the line, and nobody else', () =>
  costsTheLine('7'));

async function costsTheLine(written) {
  const shop = store();
  const [vendor, driver, hostile] = [await connect(), await connect(), await connect()];
  const lost = new Promise((done) => hostile.socket.once('disconnect', done));
  hostile.socket.io.engine.write(`2/caps,[${written},{}]`);
  await within(lost, 'the end of the line');
  await place(vendor, orders(shop, 1));
  assert.deepEqual(ids(await driver.take('pickup', 1)), ['order-0']);
  assert.equal(vendor.losses + driver.losses, 0);
}

test('events that only the library may emit are answered as unknown', () =>
  unharmed({}, async (hostile) => {
    for (const event of ['connect', 'disconnect', 'disconnecting', 'connect_error', 'error']) {
      refused(JSON.parse(await hostile.askText(JSON.stringify(event))), 'unknown_event');
    }
  }));

test('a failed event in a row of good ones leaves the others as they are', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => [
      vendor.ask('pickup', order(shop, `order-${i}`)),
      vendor.ask('pickup', i),
      vendor.ask('nonsense', order(shop, `order-${i}`)),
    ]).flat(),
  );
  answers.forEach((answer, i) => {
    if (i % 3 === 0) ok(answer, { messageId: `order-${i / 3}` });
    else refused(answer, i % 3 === 1 ? 'invalid_payload' : 'unknown_event');
  });
  const wanted = orders(shop, 100).map(({ orderId }) => orderId);
  assert.deepEqual(ids(await driver.take('pickup', 100)), wanted);
});
