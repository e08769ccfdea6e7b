// In order: a queue's messages reach each reader as they were kept, and a socket's events are handled as sent.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, ids, message, ok, order, orders, place, random, store } from './client.mjs';

const number = (messageId) => Number(messageId.slice('order-'.length));

/** How often a sequence of numbers goes back. It may do so once for each replay that was asked for. */
const steps = (numbers) => numbers.filter((n, i) => i > 0 && n <= numbers[i - 1]).length;

/** The numbers of what a reader hears, up to the last one that was placed: it comes after all others. */
async function upTo(reader, event, last) {
  const numbers = [];
  do {
    numbers.push(number((await reader.next(event)).messageId));
  } while (numbers.at(-1) !== last);
  return numbers;
}

test('20,000 pipelined events of one socket are handled in the order sent', async () => {
  const count = 20_000;
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const answered = [];
  const asked = orders(shop, count).map((placed) =>
    vendor.ask('pickup', placed).then((answer) => answered.push(ok(answer).messageId)),
  );
  const heard = ids(await driver.take('pickup', count));
  await Promise.all(asked);
  const wanted = orders(shop, count).map(({ orderId }) => orderId);
  assert.deepEqual(heard, wanted);
  assert.deepEqual(answered, wanted);
});

test('different events that one socket pipelines are handled in the order sent', async () => {
  const count = 2_000;
  const shop = store();
  const [vendor, client] = [await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  const asked = orders(shop, count).flatMap((placed, i) => [
    client.ask('pickup', placed),
    // Another order under the id: a conflict until the first is delivered.
    client.ask('pickup', { ...placed, changed: true }),
    client.ask('in-transit', message('pickup', placed)),
    client.ask('getAll', { clientId: shop, event: 'pickup', limit: 0 }),
    client.ask('delivered', message('pickup', placed)),
    client.ask('received', { clientId: shop, event: 'delivered', messageId: `order-${i - 1}` }),
  ]);
  const answers = await Promise.all(asked);
  for (let i = 0; i < count; i += 1) {
    const [pickup, changed, transit, waiting, delivered, received] = answers.slice(6 * i, 6 * i + 6);
    for (const answer of [pickup, transit, delivered]) ok(answer, { messageId: `order-${i}` });
    assert.equal(changed.code, 'order_conflict', `order-${i}`);
    assert.equal(waiting.remaining, 1, `order-${i}`);
    assert.equal(received.removed, i === 0 ? 0 : 1, `order-${i}`);
  }
  // A vendor that falls behind is spared what has been received, or has moved on, before its turn came.
  assert.equal(steps(await upTo(vendor, 'delivered', count - 1)), 0);
  assert.equal(steps(ids(vendor.unread('in-transit')).map(number)), 0);
});

for (const transport of ['websocket', 'polling', 'upgrade']) {
  test(`a reader by ${transport} that replays while orders pour in hears them in order, and all of them`, async () => {
    const count = 3_000;
    const shop = store();
    const [vendor, early] = [await connect(), await connect({ transport })];
    const placing = place(vendor, orders(shop, count));
    assert.deepEqual(ids(await early.take('pickup', 100)).map(number), [...Array(100).keys()]);
    const late = await connect({ transport });
    const replays = { early: 0, late: 0 };
    let over = false;
    const replay = async (reader, who) => {
      do {
        replays[who] += 1;
        ok(await reader.ask('getAll', { clientId: shop, event: 'pickup' }));
      } while (!over);
    };
    const replaying = [replay(early, 'early'), replay(late, 'late'), replay(late, 'late')];
    await placing;
    over = true;
    await Promise.all(replaying);
    await place(vendor, orders(shop, 1, count));
    for (const [who, reader] of Object.entries({ early, late })) {
      const numbers = await upTo(reader, 'pickup', count);
      if (who === 'early') numbers.unshift(...Array(100).keys());
      assert.equal(new Set(numbers).size, count + 1, `${who} heard every order`);
      const back = steps(numbers);
      assert.ok(back <= replays[who], `${who} went back ${back} times in ${replays[who]} replays`);
    }
  });
}

test('whatever a reader receives and replays in whatever parts, it reads in order and misses nothing', async (t) => {
  const below = random(t);
  const count = 1_000;
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const received = new Set();
  const heard = [];
  let replays = 0;
  driver.socket.on('pickup', ({ clientId, messageId }) => {
    if (clientId === shop) heard.push(number(messageId));
  });
  const asked = [];
  let placed = 0;
  while (placed < count) {
    const burst = Math.min(1 + below(50), count - placed);
    asked.push(place(vendor, orders(shop, burst, placed)));
    placed += burst;
    if (below(3) === 0) {
      const part = below(2) === 0 ? {} : { limit: below(40) };
      replays += 1;
      asked.push(driver.ask('getAll', { clientId: shop, event: 'pickup', ...part }).then(ok));
    }
    if (below(3) === 0 && heard.length > 0) {
      const list = Array.from({ length: 1 + below(20) }, () => heard[below(heard.length)]);
      for (const n of list) received.add(n);
      const messageIds = list.map((n) => `order-${n}`);
      asked.push(driver.ask('received', { clientId: shop, event: 'pickup', messageIds }).then(ok));
    }
    if (below(4) === 0) await asked[below(asked.length)];
  }
  await Promise.all(asked);
  // What the last part has left waits for a replay without a limit; what is placed after that comes last.
  replays += 1;
  ok(await driver.ask('getAll', { clientId: shop, event: 'pickup' }));
  await place(vendor, orders(shop, 1, count));
  assert.deepEqual(await upTo(driver, 'pickup', count), heard);
  assert.equal(new Set(heard).size, count + 1, 'every order was heard');
  assert.ok(steps(heard) <= replays, `went back ${steps(heard)} times in ${replays} replays`);
  const waiting = ids(await driver.queue(shop, 'pickup')).map(number);
  const all = [...Array(count + 1).keys()];
  assert.deepEqual(waiting, all.filter((n) => !received.has(n)));
});

test('a delivery that comes while its vendor catches up comes after the old ones', async () => {
  const shop = store();
  const [placing, driver] = [await connect(), await connect()];
  await place(placing, orders(shop, 2_000));
  for (const placed of orders(shop, 1_000)) driver.tell('delivered', message('pickup', placed));
  await driver.settle();
  const vendor = await connect();
  ok(await vendor.ask('join', shop));
  const replay = vendor.ask('getAll', { clientId: shop, event: 'delivered' });
  for (const placed of orders(shop, 1_000, 1_000)) driver.tell('delivered', message('pickup', placed));
  ok(await replay);
  const numbers = await upTo(vendor, 'delivered', 1_999);
  const replayed = numbers.slice(numbers.indexOf(0));
  assert.deepEqual(replayed, [...Array(2_000).keys()]);
});
