// What a driver gets by `getAll` where it names no vendor. Needs a hub of its own: it counts every queue.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, connect, connectAs, message, ok, order, store } from './client.mjs';

const ways = [
  ['a nameless driver', () => connect(), [{ event: 'pickup' }]],
  ['a nameless driver', () => connect(), [{ clientId: 'driver', event: 'pickup' }]],
  ['a named driver', () => connectAs('driver', 'ann'), [{ event: 'pickup' }]],
  ['a named driver', () => connectAs('driver', 'ann'), [{ clientId: 'driver', event: 'pickup' }]],
  ['a named driver', () => connectAs('driver', 'ann'), [{ clientId: 'driver' }]],
  ['a named driver', () => connectAs('driver', 'ann'), [{}]],
  ['a named driver', () => connectAs('driver', 'ann'), []],
];

for (const [who, arrive, args] of ways) {
  test(`${who} that asks getAll with ${JSON.stringify(args)} gets the pickups of every vendor`, async () => {
    const shops = [store('acme'), store('flowers'), store('books')];
    const vendor = await connect();
    const wanted = [];
    for (const shop of shops) {
      for (const id of ['1', '2']) {
        ok(await vendor.ask('pickup', order(shop, id)));
        wanted.push(message('pickup', order(shop, id)));
      }
    }
    const driver = await arrive();
    assert.equal(ok(await driver.ask('getAll', ...args)).count, 6);
    const heard = await driver.take('pickup', 6);
    await driver.hearsNothing();
    for (const shop of shops) {
      const of = (messages) => messages.filter(({ clientId }) => clientId === shop);
      assert.deepEqual(of(heard), of(wanted), `those of ${shop}, oldest first`);
    }
    for (const pickup of heard) await carry(driver, pickup);
    assert.equal(ok(await driver.ask('getAll', ...args)).count, 0);
  });
}

test('a driver that subscribed to some vendors gets the pickups of those', async () => {
  const [acme, flowers, books] = [store('acme'), store('flowers'), store('books')];
  const vendor = await connect();
  for (const shop of [acme, flowers, books]) ok(await vendor.ask('pickup', order(shop, '1')));
  const driver = await connect();
  for (const shop of [acme, books]) {
    ok(await driver.ask('subscribe', { clientId: shop, event: 'pickup' }));
  }
  driver.unread('pickup');
  assert.equal(ok(await driver.ask('getAll', { event: 'pickup' })).count, 2);
  const heard = await driver.take('pickup', 2);
  assert.deepEqual(heard.map(({ clientId }) => clientId).sort(), [acme, books].sort());
  await driver.hearsNothing();
});
