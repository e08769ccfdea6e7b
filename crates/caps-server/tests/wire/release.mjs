// release: a driver gives back an order that it holds, and the order is offered again.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  KINDS,
  carry,
  connect,
  connectAs,
  ids,
  message,
  name,
  ok,
  order,
  orders,
  place,
  refused,
  store,
} from './client.mjs';

for (const kind of KINDS) {
  test(`an order that a driver on ${name(kind)} gives back goes to another, and the vendor hears of each event once`, async () => {
    const shop = store();
    const [vendor, holder, other] = [await connect(), await connect(kind), await connect()];
    ok(await vendor.ask('join', shop));
    await place(vendor, orders(shop, 2));
    const [pickup, second] = await holder.take('pickup', 2);
    await other.take('pickup', 2);
    ok(await holder.ask('in-transit', pickup));
    ok(await holder.ask('release', pickup), { messageId: pickup.messageId });
    assert.deepEqual(await other.next('pickup'), pickup);
    await holder.hearsNothing();
    assert.deepEqual(await other.queue(shop, 'pickup'), [second, pickup]);
    await carry(other, pickup);
    assert.deepEqual(ids(await vendor.take('in-transit', 1)), [pickup.messageId]);
    assert.deepEqual(ids(await vendor.take('delivered', 1)), [pickup.messageId]);
    await vendor.hearsNothing('in-transit', 'delivered');
  });
}

for (const claim of ['in-transit', 'received']) {
  test(`a named driver gives back what it holds by ${claim}, and may take it again`, async () => {
    const shop = store();
    const [vendor, ann, bob] = [await connect(), await connectAs('driver', 'ann'), await connectAs('driver', 'bob')];
    await place(vendor, orders(shop, 1));
    const pickup = await ann.next('pickup');
    await bob.next('pickup');
    ok(await ann.ask(claim, pickup));
    refused(await bob.ask('release', pickup), 'already_claimed');
    ok(await ann.ask('release', pickup), { messageId: 'order-0' });
    assert.deepEqual(await bob.next('pickup'), pickup);
    assert.deepEqual(await ann.queue(shop, 'pickup'), [pickup]);
    await carry(ann, pickup);
    refused(await bob.ask('release', pickup), 'already_delivered');
    assert.match(refused(await ann.ask('release', pickup), 'already_delivered').message, /cannot be given back/);
  });
}

for (const [how, payload] of [
  ['the message as it came', (pickup) => pickup],
  ['its ids', ({ clientId, messageId }) => ({ clientId, messageId })],
  ['ids of other names', ({ clientId, messageId }) => ({ store: clientId, orderID: messageId })],
  ['the order', ({ order }) => order],
  ['an event that is none', ({ clientId, messageId }) => ({ clientId, messageId, event: 'nonsense' })],
]) {
  test(`an order is given back by ${how}`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await connect()];
    await place(vendor, orders(shop, 1));
    const pickup = await driver.next('pickup');
    ok(await driver.ask('in-transit', pickup));
    ok(await driver.ask('release', payload(pickup)), { messageId: 'order-0' });
    ok(await driver.ask('release', payload(pickup)), { messageId: 'order-0', duplicate: true });
  });
}

test('to give back what nobody holds is answered ok, and changes nothing', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 1));
  await driver.next('pickup');
  for (const messageId of ['order-0', 'nobody knows']) {
    ok(await driver.ask('release', { clientId: shop, messageId }), { messageId, duplicate: true });
  }
  assert.deepEqual(ids(await driver.queue(shop, 'pickup')), ['order-0']);
  await vendor.hearsNothing();
});

test('vendors and observers give nothing back', async () => {
  const shop = store();
  const placed = order(shop, 'one');
  for (const role of ['vendor', 'observer']) {
    const client = await connectAs(role, shop);
    refused(await client.ask('release', message('pickup', placed)), 'forbidden');
  }
});
