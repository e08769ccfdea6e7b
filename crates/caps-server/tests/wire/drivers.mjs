// One driver an order: the first whose `received` or `in-transit` is kept holds it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  carry,
  connect,
  connectAs,
  ids,
  message,
  ok,
  order,
  orders,
  place,
  refused,
  store,
  within,
} from './client.mjs';

const MANNERS = [
  ['in-transit', 'delivered', 'received'],
  ['received', 'in-transit', 'delivered'],
];

for (const number of [2, 5]) {
  for (const who of ['nameless', 'named']) {
    for (const manner of MANNERS) {
      test(`${number} ${who} drivers all act on every broadcast by ${manner.join(', ')}, and the vendor hears of each order once`, async () => {
        const count = 100;
        const shop = store();
        const vendor = await connect();
        ok(await vendor.ask('join', shop));
        const arrive = (i) => (who === 'named' ? connectAs('driver', `driver-${i}`) : connect());
        const drivers = await Promise.all(Array.from({ length: number }, (_, i) => arrive(i)));

        const deeds = [];
        const done = Promise.all(
          drivers.map(async (driver) => {
            const acting = [];
            for (let i = 0; i < count; i += 1) {
              const pickup = await driver.next('pickup');
              const act = async () => {
                const deed = { driver, order: pickup.messageId };
                for (const event of manner) deed[event] = await driver.ask(event, pickup);
                deeds.push(deed);
              };
              acting.push(act());
            }
            await Promise.all(acting);
          }),
        );
        await place(vendor, orders(shop, count));
        await within(done, 'every deed of every driver');

        for (const { orderId } of orders(shop, count)) {
          const about = deeds.filter((deed) => deed.order === orderId);
          assert.equal(about.length, number);
          const holders = about.filter((deed) => deed['in-transit'].status === 'ok');
          assert.equal(holders.length, 1, `one driver holds ${orderId}`);
          for (const deed of about) {
            if (deed === holders[0]) {
              for (const event of manner) ok(deed[event]);
            } else {
              refused(deed['in-transit'], 'already_claimed', 'already_delivered');
              refused(deed.delivered, 'already_claimed', 'already_delivered');
            }
          }
        }
        const wanted = orders(shop, count).map(({ orderId }) => orderId).sort();
        await vendor.settle();
        assert.deepEqual(ids(vendor.unread('in-transit')).sort(), wanted);
        assert.deepEqual(ids(vendor.unread('delivered')).sort(), wanted);
        for (const driver of drivers) {
          await driver.hearsNothing();
          assert.deepEqual(await driver.queue(shop, 'pickup'), []);
        }
      });
    }
  }
}

for (const claim of ['in-transit', 'received']) {
  for (const [who, arrive] of [
    ['nameless', () => connect()],
    ['named', (name) => connectAs('driver', name)],
  ]) {
    test(`a ${who} driver whose ${claim} is kept holds the order against all others`, async () => {
      const shop = store();
      const vendor = await connect();
      const [holder, other] = [await arrive('ann'), await arrive('bob')];
      ok(await vendor.ask('join', shop));
      ok(await vendor.ask('pickup', order(shop, 'one')));
      const pickup = await holder.next('pickup');
      assert.deepEqual(await other.next('pickup'), pickup);
      ok(await holder.ask(claim, pickup));
      refused(await other.ask('in-transit', pickup), 'already_claimed');
      refused(await other.ask('delivered', pickup), 'already_claimed');

      if (claim === 'received') ok(await holder.ask('in-transit', pickup));
      assert.deepEqual(ids(await vendor.take('in-transit', 1)), ['one']);
      refused(await other.ask('in-transit', pickup), 'already_claimed');
      refused(await other.ask('delivered', pickup), 'already_claimed');
      ok(await holder.ask('delivered', pickup));
      assert.deepEqual(ids(await vendor.take('delivered', 1)), ['one']);
      for (const event of ['in-transit', 'delivered']) {
        refused(await other.ask(event, pickup), 'already_claimed', 'already_delivered');
      }
      await vendor.hearsNothing();
    });
  }
}

test('a list of received pickups claims each of them', async () => {
  const shop = store();
  const [vendor, holder, other] = [await connect(), await connect(), await connect()];
  await place(vendor, orders(shop, 3));
  const pickups = await other.take('pickup', 3);
  const messageIds = ids(pickups.slice(0, 2));
  ok(await holder.ask('received', { clientId: shop, event: 'pickup', messageIds }), { removed: 2 });
  for (const pickup of pickups.slice(0, 2)) {
    refused(await other.ask('in-transit', pickup), 'already_claimed');
    ok(await holder.ask('in-transit', pickup));
  }
  ok(await other.ask('in-transit', pickups[2]));
});

test('a pickup that is held but not received is replayed to its holder alone', async () => {
  const shop = store();
  const [vendor, holder, other] = [await connect(), await connect(), await connect()];
  await place(vendor, orders(shop, 3));
  const pickups = await holder.take('pickup', 3);
  await other.take('pickup', 3);
  ok(await holder.ask('in-transit', pickups[1]));
  assert.deepEqual(ids(await holder.queue(shop, 'pickup')), ['order-0', 'order-1', 'order-2']);
  assert.deepEqual(ids(await other.queue(shop, 'pickup')), ['order-0', 'order-2']);
});

test('a named driver that restarts finds its unfinished orders, which no other driver sees', async () => {
  const shop = store();
  const vendor = await connect();
  ok(await vendor.ask('join', shop));
  const ann = await connectAs('driver', 'ann');
  const bob = await connect();
  await place(vendor, orders(shop, 3));
  const [hers, his, free] = await ann.take('pickup', 3);
  ok(await ann.ask('in-transit', hers));
  ok(await bob.ask('in-transit', his));
  const carl = await connect();
  assert.deepEqual(ids(await carl.queue(shop, 'pickup')), ['order-2']);

  await ann.leave();
  await bob.leave();
  // Bob is nameless: his order is offered again, and had hers been, it would have come before.
  assert.deepEqual(await carl.next('pickup'), his);
  assert.deepEqual(ids(await carl.queue(shop, 'pickup')).sort(), ['order-1', 'order-2']);
  refused(await carl.ask('in-transit', hers), 'already_claimed');
  refused(await carl.ask('delivered', hers), 'already_claimed');
  await carry(carl, his);
  await carry(carl, free);

  const back = await connectAs('driver', 'ann');
  assert.deepEqual(await back.queue(shop, 'pickup'), [hers]);
  ok(await back.ask('delivered', hers));
  ok(await back.ask('received', hers));
  assert.deepEqual(await back.queue(shop, 'pickup'), []);
  assert.deepEqual(ids(await vendor.take('delivered', 3)), ['order-1', 'order-2', 'order-0']);
  await vendor.hearsNothing('delivered');
});

test('a driver is the same on two connections of one name', async () => {
  const shop = store();
  const vendor = await connect();
  const [one, two] = [await connectAs('driver', 'ann'), await connectAs('driver', 'ann')];
  ok(await vendor.ask('pickup', order(shop, 'one')));
  const pickup = await one.next('pickup');
  assert.deepEqual(await two.next('pickup'), pickup);
  ok(await one.ask('in-transit', pickup));
  assert.deepEqual(await two.queue(shop, 'pickup'), [pickup]);
  ok(await two.ask('delivered', pickup));
  ok(await two.ask('received', pickup));
});

test('what a nameless driver held and had not received is offered again at once when its socket goes', async () => {
  const shop = store();
  const [vendor, holder, other] = [await connect(), await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  await place(vendor, orders(shop, 3));
  const pickups = await holder.take('pickup', 3);
  assert.deepEqual(await other.take('pickup', 3), pickups);
  for (const pickup of pickups) ok(await holder.ask('in-transit', pickup));
  ok(await holder.ask('received', pickups[1]));
  await vendor.take('in-transit', 3);

  holder.close();
  assert.deepEqual(ids(await other.take('pickup', 2)), ['order-0', 'order-2']);
  await other.hearsNothing();
  assert.deepEqual(ids(await other.queue(shop, 'pickup')), ['order-0', 'order-2']);
  for (const pickup of pickups) {
    ok(await other.ask('in-transit', pickup));
    ok(await other.ask('delivered', pickup));
    ok(await other.ask('received', pickup));
  }
  assert.deepEqual(ids(await vendor.take('delivered', 3)), ids(pickups));
  await vendor.hearsNothing('delivered');
});

for (const said of [['received'], ['received', 'in-transit']]) {
  test(`what a nameless driver had ${said.join(' and put ')} anyone may carry on when its socket goes`, async () => {
    const shop = store();
    const [vendor, holder, other] = [await connect(), await connect(), await connect()];
    ok(await vendor.ask('join', shop));
    await place(vendor, orders(shop, 2));
    const [pickup, marker] = await other.take('pickup', 2);
    for (const event of said) ok(await holder.ask(event, pickup));
    ok(await holder.ask('in-transit', marker));
    refused(await other.ask('delivered', pickup), 'already_claimed');
    holder.close();
    assert.deepEqual(await other.next('pickup'), marker);
    ok(await other.ask('in-transit', pickup));
    ok(await other.ask('delivered', pickup));
    assert.deepEqual(ids(await vendor.take('delivered', 1)), ['order-0']);
    await vendor.hearsNothing('delivered');
  });
}
