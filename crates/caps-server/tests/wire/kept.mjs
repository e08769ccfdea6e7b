// Nothing is lost: what was answered `ok` reaches its reader until the reader says `received`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  KINDS,
  carry,
  connect,
  ids,
  message,
  name,
  ok,
  orders,
  place,
  random,
  store,
  until,
  within,
} from './client.mjs';

for (const kind of KINDS) {
  test(`a vendor on ${name(kind)} who was away gets every delivery in order`, async () => {
    const shop = store();
    const vendor = await connect(kind);
    ok(await vendor.ask('join', shop));
    await place(vendor, orders(shop, 50));
    vendor.close();

    const driver = await connect();
    for (const pickup of await driver.queue(shop, 'pickup')) await carry(driver, pickup);

    const wanted = orders(shop, 50).map((placed) => message('delivered', placed));
    const back = await connect(kind);
    ok(await back.ask('join', shop));
    assert.deepEqual(await back.queue(shop, 'delivered'), wanted);
    for (const delivered of wanted.slice(0, 20)) ok(await back.ask('received', delivered));
    back.close();

    const again = await connect(kind);
    assert.deepEqual(await again.queue(shop, 'delivered'), wanted.slice(20));
    for (const delivered of wanted.slice(20)) ok(await again.ask('received', delivered));
    assert.deepEqual(await again.queue(shop, 'delivered'), []);
  });

  test(`drivers on ${name(kind)} that come late get every pickup in order`, async () => {
    const shop = store();
    const vendor = await connect();
    await place(vendor, orders(shop, 50));
    const wanted = orders(shop, 50).map((placed) => message('pickup', placed));
    for (const time of ['first', 'second']) {
      const driver = await connect(kind);
      assert.deepEqual(await driver.queue(shop, 'pickup'), wanted, time);
      driver.close();
    }
  });
}

test('a vendor whose line is cut again and again is thanked for every order', async (t) => {
  const below = random(t);
  const count = 200;
  const shop = store();
  const [placing, driver] = [await connect(), await connect()];
  await place(placing, orders(shop, count));
  const pickups = await driver.take('pickup', count);

  const vendor = await connect({}, { reconnection: true, reconnectionDelay: 1, reconnectionDelayMax: 5 });
  const thanked = new Set();
  const all = new Promise((done) => {
    vendor.socket.on('delivered', (delivered) => {
      // It may be lost with the line; the message then comes again.
      vendor.socket.emit('received', delivered, ok);
      thanked.add(delivered.messageId);
      if (thanked.size === count) done();
    });
  });
  const catchUp = () => {
    vendor.socket.emit('join', shop, () => {});
    vendor.socket.emit('getAll', { clientId: shop, event: 'delivered' }, () => {});
  };
  vendor.socket.on('connect', catchUp);
  catchUp();

  let cuts = 0;
  for (const pickup of pickups) {
    await carry(driver, pickup);
    if (below(8) === 0 && vendor.socket.connected) {
      vendor.cut();
      cuts += 1;
    }
  }
  await within(all, 'thanks for every order');
  assert.ok(cuts > 0, 'the line was cut');
  assert.deepEqual([...thanked].sort(), ids(pickups).sort());
  await until(
    'an empty queue',
    async () => ok(await placing.ask('getAll', { clientId: shop, event: 'delivered', limit: 0 })),
    ({ remaining }) => remaining === 0,
  );
});
