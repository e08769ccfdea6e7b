// What each event does: join, subscribe, pickup, in-transit, delivered, received and getAll.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, connect, connectAs, ids, message, ok, order, orders, place, store } from './client.mjs';

for (const [how, payload] of [
  ['its name', (shop) => shop],
  ['an object', (shop) => ({ clientId: shop })],
]) {
  test(`a socket that joins by ${how} hears what becomes of that vendor's orders, and of no other's`, async () => {
    const [shop, other] = [store(), store('1-800-flowers')];
    const [vendor, driver] = [await connect(), await connect()];
    ok(await vendor.ask('join', payload(shop)));
    const [mine, theirs] = [order(shop, 'mine'), order(other, 'theirs')];
    ok(await driver.ask('pickup', theirs));
    ok(await driver.ask('in-transit', message('pickup', theirs)));
    ok(await driver.ask('delivered', message('pickup', theirs)));
    ok(await driver.ask('pickup', mine));
    ok(await driver.ask('in-transit', message('pickup', mine)));
    ok(await driver.ask('delivered', message('pickup', mine)));
    assert.deepEqual(await vendor.next('in-transit'), message('in-transit', mine));
    assert.deepEqual(await vendor.next('delivered'), message('delivered', mine));
    await vendor.hearsNothing('in-transit', 'delivered');
  });
}

test('a socket that joined no room hears pickups alone', async () => {
  const shop = store();
  const [stranger, driver] = [await connect(), await connect()];
  const placed = order(shop, 'one');
  ok(await driver.ask('pickup', placed));
  await carry(driver, message('pickup', placed));
  assert.deepEqual(await stranger.next('pickup'), message('pickup', placed));
  await stranger.hearsNothing();
});

test('a socket in the rooms of two vendors hears of the orders of both', async () => {
  const shops = [store('acme-widgets'), store('1-800-flowers')];
  const [office, driver] = [await connect(), await connect()];
  for (const shop of shops) ok(await office.ask('join', shop));
  for (const shop of shops) {
    const placed = order(shop, 'one');
    ok(await driver.ask('pickup', placed));
    ok(await driver.ask('in-transit', message('pickup', placed)));
    assert.deepEqual(await office.next('in-transit'), message('in-transit', placed));
  }
});

for (const [wanted, unwanted] of [
  ['delivered', 'in-transit'],
  ['in-transit', 'delivered'],
]) {
  test(`who subscribes to ${wanted} hears no ${unwanted}`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await connect()];
    ok(await vendor.ask('subscribe', { clientId: shop, event: wanted }));
    const placed = order(shop, 'one');
    ok(await driver.ask('pickup', placed));
    await carry(driver, message('pickup', placed));
    assert.deepEqual(await vendor.next(wanted), message(wanted, placed));
    await vendor.hearsNothing(unwanted);
  });
}

test('who subscribes to the pickups of some vendors hears those alone', async () => {
  const [acme, flowers, books] = [store('acme'), store('flowers'), store('books')];
  const [vendor, all, narrow] = [await connect(), await connect(), await connect()];
  const announce = async (id) => {
    for (const shop of [acme, flowers, books]) ok(await vendor.ask('pickup', order(shop, id)));
    const heard = await all.take('pickup', 3);
    assert.deepEqual(heard.map(({ clientId }) => clientId), [acme, flowers, books]);
    await narrow.settle();
    return narrow.unread('pickup').map(({ clientId }) => clientId);
  };
  assert.deepEqual(await announce('1'), [acme, flowers, books]);
  ok(await narrow.ask('subscribe', { clientId: acme, event: 'pickup' }));
  assert.deepEqual(await announce('2'), [acme]);
  ok(await narrow.ask('subscribe', { clientId: books, event: 'pickup' }));
  assert.deepEqual(await announce('3'), [acme, books]);
});

test('a subscription to other events leaves the pickups of all vendors as they were', async () => {
  const [acme, flowers] = [store('acme'), store('flowers')];
  const [vendor, listener] = [await connect(), await connect()];
  ok(await listener.ask('subscribe', { clientId: acme, event: 'delivered' }));
  ok(await listener.ask('join', acme));
  ok(await vendor.ask('pickup', order(flowers, 'one')));
  assert.deepEqual(await listener.next('pickup'), message('pickup', order(flowers, 'one')));
});

test('a pickup reaches every other listening socket as a message, once, and not its sender', async () => {
  const shop = store();
  const vendor = await connect();
  const drivers = [await connect(), await connectAs('driver', 'ann'), await connectAs('observer', 'eve')];
  const placed = order(shop, 'one', { items: ['ring', { size: 7, engraved: null }] });
  ok(await vendor.ask('pickup', placed), { messageId: 'one' });
  for (const driver of drivers) {
    assert.deepEqual(await driver.next('pickup'), message('pickup', placed));
    await driver.hearsNothing();
  }
  await vendor.hearsNothing();
});

test('a pickup may be a message, and its order is kept as it stands in there', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = { customer: 'Kim', note: 'no ids in here' };
  const announced = { event: 'pickup', messageId: 'one', clientId: shop, order: placed };
  ok(await vendor.ask('pickup', announced), { messageId: 'one' });
  assert.deepEqual(await driver.next('pickup'), announced);
});

test('a pickup that no driver heard waits for the next one', async () => {
  const shop = store();
  const vendor = await connect();
  await place(vendor, orders(shop, 3));
  const driver = await connect();
  assert.deepEqual(
    await driver.queue(shop, 'pickup'),
    orders(shop, 3).map((placed) => message('pickup', placed)),
  );
});

test('in-transit and delivered reach the room of the vendor alone, and not their sender', async () => {
  const shop = store();
  const [vendor, branch, driver, other] = [
    await connect(),
    await connect(),
    await connect(),
    await connect(),
  ];
  for (const member of [vendor, branch, driver]) ok(await member.ask('join', shop));
  const placed = order(shop, 'one');
  ok(await vendor.ask('pickup', placed));
  for (const listener of [branch, driver, other]) await listener.next('pickup');
  for (const event of ['in-transit', 'delivered']) {
    ok(await driver.ask(event, message('pickup', placed)), { messageId: 'one' });
    assert.deepEqual(await vendor.next(event), message(event, placed));
    assert.deepEqual(await branch.next(event), message(event, placed));
    await driver.hearsNothing();
    await other.hearsNothing();
    assert.deepEqual(await driver.queue(shop, event), [message(event, placed)]);
  }
  await vendor.hearsNothing();
});

test('a driver may say in-transit and delivered with the order itself', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  const placed = order(shop, 'one');
  ok(await vendor.ask('pickup', placed));
  const { order: heard } = await driver.next('pickup');
  for (const event of ['in-transit', 'delivered']) {
    ok(await driver.ask(event, heard), { messageId: 'one' });
    assert.deepEqual(await vendor.next(event), message(event, placed));
  }
});

test('delivered takes what was never received out of the queues before it', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 2));
  const [first] = await driver.take('pickup', 2);
  ok(await driver.ask('in-transit', first));
  ok(await driver.ask('delivered', first));
  assert.deepEqual(ids(await driver.queue(shop, 'pickup')), ['order-1']);
  assert.deepEqual(await vendor.queue(shop, 'in-transit'), []);
  assert.deepEqual(ids(await vendor.queue(shop, 'delivered')), ['order-0']);
  ok(await driver.ask('received', first), { removed: 0 });
});

for (const [how, payload] of [
  ['by its id', ({ clientId, event, messageId }) => ({ clientId, event, messageId })],
  ['in a list', ({ clientId, event, messageId }) => ({ clientId, event, messageIds: [messageId] })],
  ['as it came', (heard) => heard],
]) {
  test(`a message that is received ${how} leaves its queue, and no other`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await connect()];
    ok(await vendor.ask('join', shop));
    await place(vendor, orders(shop, 3));
    for (const pickup of await driver.take('pickup', 3)) {
      const said = ok(await driver.ask('received', payload(pickup)));
      assert.equal(said.removed, 1);
      ok(await driver.ask('in-transit', pickup));
    }
    assert.deepEqual(await driver.queue(shop, 'pickup'), []);

    const [, transit] = await vendor.take('in-transit', 3);
    assert.equal(ok(await vendor.ask('received', payload(transit))).removed, 1);
    assert.deepEqual(ids(await vendor.queue(shop, 'in-transit')), ['order-0', 'order-2']);

    for (const placed of orders(shop, 3)) ok(await driver.ask('delivered', message('pickup', placed)));
    const [, delivered] = await vendor.take('delivered', 3);
    assert.equal(ok(await vendor.ask('received', payload(delivered))).removed, 1);
    assert.deepEqual(ids(await vendor.queue(shop, 'delivered')), ['order-0', 'order-2']);
  });
}

test('a list of received messages takes out those that wait, and tells how many', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  for (const id of [1, 2, 3, 4]) {
    const placed = order(shop, id);
    ok(await vendor.ask('pickup', placed));
    ok(await driver.ask('in-transit', message('pickup', placed)));
    ok(await driver.ask('delivered', message('pickup', placed)));
  }
  const list = { clientId: shop, event: 'delivered', messageIds: [1, '3', 'nobody knows', 1] };
  assert.equal(ok(await vendor.ask('received', list)).removed, 2);
  assert.deepEqual(ids(await vendor.queue(shop, 'delivered')), ['2', '4']);
  const none = { clientId: shop, event: 'delivered', messageIds: [] };
  assert.equal(ok(await vendor.ask('received', none)).removed ?? 0, 0);
});

test('a message that is received twice is taken out once, and both are answered ok', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 1));
  await carry(driver, await driver.next('pickup'));
  const receipt = { clientId: shop, event: 'delivered', messageId: 'order-0' };
  assert.equal(ok(await vendor.ask('received', receipt)).removed, 1);
  assert.equal(ok(await vendor.ask('received', receipt)).removed, 0);
});

for (const verb of ['getAll', 'getall']) {
  test(`${verb} sends a queue again, oldest first, as often as it is asked`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await connect()];
    await place(vendor, orders(shop, 5));
    for (const pickup of await driver.take('pickup', 5)) await carry(driver, pickup);
    const wanted = orders(shop, 5).map((placed) => message('delivered', placed));
    for (const time of ['first', 'second']) {
      const answer = ok(await vendor.ask(verb, { clientId: shop, event: 'delivered' }));
      assert.equal(answer.count, 5, time);
      assert.equal(answer.remaining ?? 0, 0, time);
      assert.deepEqual(await vendor.take('delivered', 5), wanted, time);
    }
    await vendor.hearsNothing();
    await driver.hearsNothing();
  });
}

test('getAll of an empty queue answers a count of 0 and sends nothing', async () => {
  const shop = store();
  const client = await connect();
  for (const event of ['pickup', 'in-transit', 'delivered']) {
    assert.equal(ok(await client.ask('getAll', { clientId: shop, event })).count, 0);
  }
  await client.hearsNothing();
});

test('getAll without an event sends a vendor both of its queues, each message under its own name', async () => {
  const shop = store();
  const driver = await connect();
  const placing = await connect();
  await place(placing, orders(shop, 4));
  const [one, two, three] = await driver.take('pickup', 4);
  for (const pickup of [one, two]) ok(await driver.ask('delivered', pickup));
  ok(await driver.ask('in-transit', three));

  const vendor = await connectAs('vendor', shop);
  for (const args of [[{ clientId: shop }], [{}], []]) {
    const answer = ok(await vendor.ask('getAll', ...args));
    assert.equal(answer.count, 3);
    assert.deepEqual(
      await vendor.take('delivered', 2),
      orders(shop, 2).map((placed) => message('delivered', placed)),
    );
    const [, , third] = orders(shop, 3);
    assert.deepEqual(await vendor.next('in-transit'), message('in-transit', third));
    await vendor.hearsNothing();
  }
});

test('getAll without an event sends a nameless client in the room of a vendor what is the vendor\'s', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 2));
  const [one, two] = await driver.take('pickup', 2);
  ok(await driver.ask('delivered', one));
  ok(await driver.ask('in-transit', two));
  ok(await vendor.ask('join', shop));
  ok(await vendor.ask('getAll', { clientId: shop }));
  assert.deepEqual(ids(await vendor.take('delivered', 1)), ['order-0']);
  assert.deepEqual(ids(await vendor.take('in-transit', 1)), ['order-1']);
});

test('getAll in parts sends no more than its limit and tells what remains', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  await place(vendor, orders(shop, 25));
  for (const pickup of await driver.take('pickup', 25)) await carry(driver, pickup);
  const part = { clientId: shop, event: 'delivered', limit: 10 };
  const seen = [];
  for (const [count, remaining] of [[10, 15], [10, 5], [5, 0]]) {
    // Asked twice: only what is received makes room for the next part.
    for (const time of ['first', 'second']) {
      const answer = ok(await vendor.ask('getAll', part));
      assert.deepEqual([answer.count, answer.remaining], [count, remaining], time);
      const messages = await vendor.take('delivered', count);
      await vendor.hearsNothing();
      if (time === 'first') continue;
      seen.push(...ids(messages));
      const messageIds = ids(messages);
      ok(await vendor.ask('received', { clientId: shop, event: 'delivered', messageIds }));
    }
  }
  assert.deepEqual(seen, orders(shop, 25).map(({ orderId }) => orderId));
  const answer = ok(await vendor.ask('getAll', part));
  assert.deepEqual([answer.count, answer.remaining], [0, 0]);
});

test('getAll with a limit of 0 counts what waits and sends nothing', async () => {
  const shop = store();
  const vendor = await connect();
  await place(vendor, orders(shop, 3));
  const driver = await connect();
  const answer = ok(await driver.ask('getAll', { clientId: shop, event: 'pickup', limit: 0 }));
  assert.deepEqual([answer.count, answer.remaining], [0, 3]);
  await driver.hearsNothing();
});
