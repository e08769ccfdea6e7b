// A queue that is full says so. For a hub whose queues hold three messages.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, ids, ok, order, orders, place, refused, store } from './client.mjs';

test('a full queue refuses new orders for now, and takes them once there is room', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 3));
  const [first] = await driver.take('pickup', 3);
  const fourth = order(shop, 'order-3');
  const told = refused(await vendor.ask('pickup', fourth), 'queue_full');
  assert.equal(told.temporary, true);
  vendor.tell('pickup', fourth);
  assert.deepEqual(await vendor.next('exception'), told);
  await driver.hearsNothing();

  ok(await vendor.ask('pickup', orders(shop, 1)[0]), { duplicate: true });
  await place(vendor, orders(store('another'), 3));
  await driver.take('pickup', 3);

  ok(await driver.ask('received', first), { removed: 1 });
  ok(await vendor.ask('pickup', fourth), { messageId: 'order-3' });
  assert.deepEqual(ids(await driver.take('pickup', 1)), ['order-3']);
  assert.deepEqual(ids(await driver.queue(shop, 'pickup')), ['order-1', 'order-2', 'order-3']);
});
