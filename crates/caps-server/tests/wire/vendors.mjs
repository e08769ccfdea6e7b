// Vendors are apart: none sees, or speaks for, another.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAs, ids, message, ok, order, orders, place, refused, store } from './client.mjs';

test('a vendor that says who it is may not read, join, receive or order for another', async () => {
  const [mine, theirs] = [store('acme'), store('flowers')];
  const driver = await connect();
  const other = await connectAs('vendor', theirs);
  await place(other, orders(theirs, 2));
  const [first] = await driver.take('pickup', 2);
  ok(await driver.ask('in-transit', first));
  ok(await driver.ask('delivered', first));
  const vendor = await connectAs('vendor', mine);
  const events = ['pickup', 'in-transit', 'delivered'];
  const tries = [
    ['join', theirs],
    ['join', { clientId: theirs }],
    ...events.map((event) => ['subscribe', { clientId: theirs, event }]),
    ...events.map((event) => ['getAll', { clientId: theirs, event }]),
    ['getAll', { clientId: theirs }],
    ...events.map((event) => ['received', { clientId: theirs, event, messageId: 'order-0' }]),
    ...events.map((event) => ['received', { clientId: theirs, event, messageIds: ['order-0'] }]),
    ['pickup', order(theirs, 'forged')],
    ['pickup', message('pickup', order(theirs, 'forged'))],
  ];
  for (const [event, payload] of tries) {
    const told = refused(await vendor.ask(event, payload), 'forbidden');
    assert.equal(told.temporary, false);
    vendor.tell(event, payload);
    assert.deepEqual(await vendor.next('exception'), told);
  }
  await vendor.hearsNothing();
  await driver.hearsNothing();
  assert.deepEqual(ids(await other.queue(theirs, 'delivered')), ['order-0']);
  assert.deepEqual(ids(await driver.queue(theirs, 'pickup')), ['order-1']);
  ok(await vendor.ask('join', mine));
  ok(await vendor.ask('pickup', order(mine, 'one')), { messageId: 'one' });
});

test('a vendor that says who it is hears of its own orders, and no pickups', async () => {
  const shops = [store('acme'), store('flowers')];
  const driver = await connectAs('driver', 'ann');
  const vendors = [];
  for (const shop of shops) {
    const vendor = await connectAs('vendor', shop);
    ok(await vendor.ask('join', shop));
    vendors.push(vendor);
  }
  for (const [i, shop] of shops.entries()) ok(await vendors[i].ask('pickup', order(shop, 'one')));
  for (const pickup of await driver.take('pickup', 2)) {
    ok(await driver.ask('in-transit', pickup));
    ok(await driver.ask('delivered', pickup));
  }
  for (const [i, shop] of shops.entries()) {
    for (const event of ['in-transit', 'delivered']) {
      assert.deepEqual(await vendors[i].next(event), message(event, order(shop, 'one')));
    }
    await vendors[i].hearsNothing();
    const answer = ok(await vendors[i].ask('getAll', { event: 'delivered' }));
    assert.equal(answer.count, 1);
    assert.deepEqual(await vendors[i].next('delivered'), message('delivered', order(shop, 'one')));
    await vendors[i].hearsNothing();
  }
});

test('an observer may read and change nothing', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const observer = await connectAs('observer', 'eve');
  ok(await vendor.ask('pickup', order(shop, 'one')));
  const pickup = await observer.next('pickup');
  assert.deepEqual(await driver.next('pickup'), pickup);
  const tries = [
    ['pickup', order(shop, 'two')],
    ['in-transit', pickup],
    ['delivered', pickup],
    ['received', pickup],
  ];
  for (const [event, payload] of tries) refused(await observer.ask(event, payload), 'forbidden');
  await driver.hearsNothing();
  assert.deepEqual(await driver.queue(shop, 'pickup'), [pickup]);
  ok(await driver.ask('in-transit', pickup));
});
