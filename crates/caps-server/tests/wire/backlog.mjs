// Unlimited catch-up, and a slow reader that costs nobody else.

import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { KINDS, connect, ids, name, ok, orders, place, store } from './client.mjs';

const COUNT = 20_000;
const BACKLOG = `the-backlog-${process.pid}`;
const WANTED = orders(BACKLOG, COUNT).map(({ orderId }) => orderId);

before(async () => {
  const vendor = await connect();
  await place(vendor, orders(BACKLOG, COUNT));
});

for (const kind of KINDS) {
  test(`a backlog of 20,000 is replayed whole and in order to ${name(kind)}`, async () => {
    const driver = await connect(kind);
    const answer = ok(await driver.ask('getAll', { clientId: BACKLOG, event: 'pickup' }));
    assert.equal(answer.count, COUNT);
    assert.deepEqual(ids(await driver.take('pickup', COUNT)), WANTED);
    await driver.hearsNothing();
    assert.equal(driver.losses, 0);
  });
}

test('a backlog of 20,000 is replayed whole and in order to a reader that keeps stopping', async () => {
  const [driver, other] = [await connect(), await connect()];
  const replay = driver.ask('getAll', { clientId: BACKLOG, event: 'pickup' });
  const heard = [];
  while (heard.length < COUNT) {
    heard.push((await driver.next('pickup')).messageId);
    if (heard.length % 1_000 !== 0) continue;
    driver.pause();
    await other.settle();
    driver.resume();
  }
  ok(await replay);
  assert.deepEqual(heard, WANTED);
  await driver.hearsNothing();
  assert.equal(driver.losses, 0);
});

test('a backlog of 20,000 is read in parts, as its reader receives them', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('subscribe', { clientId: 'nobody', event: 'pickup' }));
  ok(await driver.ask('subscribe', { clientId: 'nobody', event: 'pickup' }));
  await place(vendor, orders(shop, COUNT));
  const heard = [];
  for (let remaining = COUNT; remaining > 0; ) {
    const answer = ok(await driver.ask('getAll', { clientId: shop, event: 'pickup', limit: 3_000 }));
    assert.equal(answer.count, Math.min(3_000, remaining));
    remaining -= answer.count;
    assert.equal(answer.remaining, remaining);
    const messageIds = ids(await driver.take('pickup', answer.count));
    heard.push(...messageIds);
    ok(await driver.ask('received', { clientId: shop, event: 'pickup', messageIds }), {
      removed: messageIds.length,
    });
  }
  assert.deepEqual(heard, WANTED);
});

test('a reader that stops reading holds up nobody, and misses nothing when it goes on', async () => {
  const count = 5_000;
  const shop = store();
  const [vendor, slow, quick] = [await connect(), await connect(), await connect()];
  // 20 MB: more than every buffer on the way holds.
  const placed = orders(shop, count).map((order) => ({ ...order, note: 'x'.repeat(4_000) }));
  const wanted = placed.map(({ orderId }) => orderId);
  slow.pause();
  const placing = place(vendor, placed);
  assert.deepEqual(ids(await quick.take('pickup', count)), wanted);
  await placing;
  assert.ok(slow.unread('pickup').length < count, 'the slow reader is behind');
  slow.resume();
  const heard = slow.unread('pickup');
  assert.deepEqual(ids([...heard, ...(await slow.take('pickup', count - heard.length))]), wanted);
  await slow.hearsNothing();
  assert.equal(slow.losses, 0);
});
