// The two parts of the whole life of an order, each for any client.

import assert from 'node:assert/strict';
import { message, ok, order } from './client.mjs';

/** A driver that listens: each order that it hears of, it carries to its door. */
export async function drive(driver, store, count) {
  for (let i = 0; i < count; i += 1) {
    const pickup = await driver.next('pickup');
    assert.deepEqual(pickup, message('pickup', pickup.order));
    assert.equal(pickup.clientId, store);
    const { messageId } = pickup;
    ok(await driver.ask('in-transit', pickup), { messageId });
    ok(await driver.ask('delivered', pickup), { messageId });
    ok(await driver.ask('received', pickup));
  }
  assert.deepEqual(await driver.queue(store, 'pickup'), []);
  await driver.hearsNothing();
}

/** A vendor that places orders one after the other and hears of each until it is at its door. */
export async function sell(vendor, store, count) {
  ok(await vendor.ask('join', store));
  for (let i = 0; i < count; i += 1) {
    const placed = order(store, `order-${i}`, { items: [{ sku: 'ż-1', count: i }] });
    const messageId = placed.orderId;
    ok(await vendor.ask('pickup', placed), { messageId });
    assert.deepEqual(await vendor.next('in-transit'), message('in-transit', placed));
    const delivered = await vendor.next('delivered');
    assert.deepEqual(delivered, message('delivered', placed));
    const received = ok(await vendor.ask('received', delivered));
    assert.equal(received.removed, 1);
  }
  assert.deepEqual(await vendor.queue(store, 'in-transit'), []);
  assert.deepEqual(await vendor.queue(store, 'delivered'), []);
  await vendor.hearsNothing();
}
