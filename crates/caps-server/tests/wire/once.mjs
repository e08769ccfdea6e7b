// At least once on the wire, once in effect: retries are known, and two orders of one id are told apart.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, connect, connectAs, ids, message, ok, order, orders, refused, store } from './client.mjs';

test('a pickup that is sent again is a duplicate: not queued, not emitted', async () => {
  const shop = store();
  const [vendor, other, driver] = [await connect(), await connect(), await connect()];
  const placed = order(shop, 'one');
  ok(await vendor.ask('pickup', placed), { messageId: 'one' });
  assert.deepEqual(await driver.next('pickup'), message('pickup', placed));
  for (const client of [vendor, other]) {
    ok(await client.ask('pickup', placed), { messageId: 'one', duplicate: true });
    ok(await client.ask('pickup', message('pickup', placed)), { duplicate: true });
  }
  await driver.hearsNothing();
  assert.deepEqual(ids(await driver.queue(shop, 'pickup')), ['one']);
});

test('a pickup stays known at every step of its order, and after it', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = order(shop, 'one');
  const pickup = message('pickup', placed);
  const again = async () => {
    ok(await vendor.ask('pickup', placed), { messageId: 'one', duplicate: true });
    await driver.hearsNothing();
  };
  ok(await vendor.ask('join', shop));
  ok(await vendor.ask('pickup', placed), { messageId: 'one' });
  await driver.next('pickup');
  await again();
  ok(await driver.ask('received', pickup));
  await again();
  for (const event of ['in-transit', 'delivered']) {
    ok(await driver.ask(event, pickup));
    await vendor.next(event);
    await again();
    ok(await vendor.ask('received', message(event, placed)));
    await again();
  }
  assert.deepEqual(await driver.queue(shop, 'pickup'), []);
  await vendor.hearsNothing();
});

for (const [who, arrive] of [
  ['nameless', () => connect()],
  ['named', () => connectAs('driver', 'ann')],
]) {
  test(`a ${who} driver's in-transit and delivered that are sent again are duplicates`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await arrive()];
    ok(await vendor.ask('join', shop));
    const placed = order(shop, 'one');
    ok(await vendor.ask('pickup', placed));
    const pickup = await driver.next('pickup');
    for (const event of ['in-transit', 'delivered']) {
      ok(await driver.ask(event, pickup), { messageId: 'one' });
      assert.deepEqual(await vendor.next(event), message(event, placed));
      ok(await driver.ask(event, pickup), { messageId: 'one', duplicate: true });
      await vendor.hearsNothing();
      assert.deepEqual(ids(await vendor.queue(shop, event)), ['one']);
      ok(await vendor.ask('received', message(event, placed)));
      ok(await driver.ask(event, pickup), { messageId: 'one', duplicate: true });
      await vendor.hearsNothing();
      assert.deepEqual(await vendor.queue(shop, event), []);
    }
  });
}

test('a retry from a new connection of the same named driver is a duplicate', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connectAs('driver', 'ann')];
  ok(await vendor.ask('join', shop));
  ok(await vendor.ask('pickup', order(shop, 'one')));
  const pickup = await driver.next('pickup');
  for (const event of ['in-transit', 'delivered']) {
    ok(await driver.ask(event, pickup), { messageId: 'one' });
    await vendor.next(event);
    const restarted = await connectAs('driver', 'ann');
    ok(await restarted.ask(event, pickup), { messageId: 'one', duplicate: true });
    await vendor.hearsNothing();
  }
});

test('a different order of the same id is a conflict while the first is under way, and a new order after it', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  const [first, second] = [order(shop, 'one', { items: 1 }), order(shop, 'one', { items: 2 })];
  const pickup = message('pickup', first);
  const conflicts = async () => {
    refused(await vendor.ask('pickup', second), 'order_conflict');
    await driver.hearsNothing();
  };
  ok(await vendor.ask('pickup', first), { messageId: 'one' });
  assert.deepEqual(await driver.next('pickup'), pickup);
  await conflicts();
  assert.deepEqual(await driver.queue(shop, 'pickup'), [pickup]);
  ok(await driver.ask('received', pickup));
  await conflicts();
  ok(await driver.ask('in-transit', pickup));
  assert.deepEqual(await vendor.next('in-transit'), message('in-transit', first));
  await conflicts();
  ok(await driver.ask('delivered', pickup));
  assert.deepEqual(await vendor.next('delivered'), message('delivered', first));
  ok(await vendor.ask('received', message('delivered', first)));

  ok(await vendor.ask('pickup', second), { messageId: 'one' });
  assert.deepEqual(await driver.next('pickup'), message('pickup', second));
  await carry(driver, message('pickup', second));
  assert.deepEqual(await vendor.next('in-transit'), message('in-transit', second));
  assert.deepEqual(await vendor.next('delivered'), message('delivered', second));
});

test('two vendors may have orders of the same id', async () => {
  const shops = [store('acme'), store('flowers')];
  const [vendor, driver] = [await connect(), await connect()];
  for (const shop of shops) ok(await vendor.ask('pickup', order(shop, 'one')), { messageId: 'one' });
  for (const shop of shops) {
    assert.deepEqual(await driver.next('pickup'), message('pickup', order(shop, 'one')));
  }
  for (const shop of shops) await carry(driver, message('pickup', order(shop, 'one')));
  for (const shop of shops) {
    assert.deepEqual(ids(await vendor.queue(shop, 'delivered')), ['one']);
  }
});

test('the same order sent by many sockets at once is kept once', async () => {
  const shop = store();
  const driver = await connect();
  const vendors = await Promise.all(Array.from({ length: 10 }, () => connect()));
  const answers = await Promise.all(
    orders(shop, 20).flatMap((placed) => vendors.map((vendor) => vendor.ask('pickup', placed))),
  );
  for (const { orderId } of orders(shop, 20)) {
    const fresh = answers.filter(({ messageId, duplicate }) => messageId === orderId && !duplicate);
    assert.equal(fresh.length, 1, orderId);
  }
  assert.equal(answers.filter(({ status }) => status === 'ok').length, 200);
  await driver.settle();
  const heard = ids(driver.unread('pickup'));
  assert.deepEqual(heard.sort(), orders(shop, 20).map(({ orderId }) => orderId).sort());
});
