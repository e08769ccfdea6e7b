// The stock client's own `retries`: it sends one event at a time, again and again until it is acknowledged.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BOUND, connect, ids, message, ok, orders, random, refused, store, within } from './client.mjs';

const RETRIES = { retries: 100, ackTimeout: BOUND };

/** Emits through the client's queue of retries; the answer. */
const send = (client, event, payload) =>
  within(
    new Promise((done, fail) => {
      client.socket.emit(event, payload, (late, answer) => (late ? fail(late) : done(answer)));
    }),
    `an answer to ${event}`,
  );

test('a client with retries gets an answer to every event, bad ones and unknown ones, too', async () => {
  const shop = store();
  const [vendor, driver] = [await connect({}, RETRIES), await connect()];
  const answers = await Promise.all([
    send(vendor, 'join', shop),
    ...orders(shop, 20).map((placed) => send(vendor, 'pickup', placed)),
    send(vendor, 'pickup', null),
    send(vendor, 'nonsense', shop),
    ...orders(shop, 20, 20).map((placed) => send(vendor, 'pickup', placed)),
  ]);
  refused(answers[21], 'invalid_payload');
  refused(answers[22], 'unknown_event');
  answers.splice(21, 2);
  for (const answer of answers) ok(answer);
  assert.deepEqual(
    await driver.take('pickup', 40),
    orders(shop, 40).map((placed) => message('pickup', placed)),
  );
  await driver.hearsNothing();
});

test('a client with retries whose line is cut again and again has each order kept once, in order', async (t) => {
  const below = random(t);
  const count = 200;
  const shop = store();
  const driver = await connect();
  const vendor = await connect(
    {},
    { ...RETRIES, reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 },
  );
  let cuts = 0;
  const answers = orders(shop, count).map((placed) =>
    send(vendor, 'pickup', placed).then((answer) => {
      // The next order is on its way by now, so its answer is often lost.
      if (below(5) === 0) {
        vendor.cut();
        cuts += 1;
      }
      return answer;
    }),
  );
  for (const answer of await Promise.all(answers)) ok(answer);
  assert.ok(cuts > 0, 'the line was cut');
  const wanted = orders(shop, count).map(({ orderId }) => orderId);
  assert.deepEqual(ids(await driver.take('pickup', count)), wanted);
  await driver.hearsNothing();
  assert.deepEqual(ids(await driver.queue(shop, 'pickup')), wanted);
});
