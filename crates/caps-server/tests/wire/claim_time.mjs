// An order that a driver holds but does not put in transit is offered again. For a hub with a short claim time.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, connectAs, ids, ok, orders, place, refused, store } from './client.mjs';

for (const [who, arrive] of [
  ['nameless', () => connect()],
  ['named', () => connectAs('driver', 'ann')],
]) {
  test(`an order that a ${who} driver has received but not put in transit is offered again`, async () => {
    const shop = store();
    const [vendor, holder, other] = [await connect(), await arrive(), await connect()];
    ok(await vendor.ask('join', shop));
    await place(vendor, orders(shop, 3));
    const pickups = await holder.take('pickup', 3);
    await other.take('pickup', 3);
    const [moving, resting, done] = pickups;
    // Claimed before the resting one, so that had their time run out, they would have been offered before it.
    ok(await holder.ask('received', moving));
    ok(await holder.ask('in-transit', moving));
    ok(await holder.ask('received', done));
    ok(await holder.ask('in-transit', done));
    ok(await holder.ask('delivered', done));
    ok(await holder.ask('received', resting));
    refused(await other.ask('in-transit', resting), 'already_claimed');

    assert.deepEqual(await other.next('pickup'), resting);
    await other.hearsNothing();
    assert.deepEqual(await other.queue(shop, 'pickup'), [resting]);
    ok(await other.ask('in-transit', resting));
    refused(await holder.ask('in-transit', resting), 'already_claimed');
    ok(await other.ask('delivered', resting));
    refused(await other.ask('delivered', moving), 'already_claimed');
    ok(await holder.ask('delivered', moving));
    assert.deepEqual(ids(await vendor.take('in-transit', 3)), ['order-0', 'order-2', 'order-1']);
    assert.deepEqual(ids(await vendor.take('delivered', 3)), ['order-2', 'order-1', 'order-0']);
    await vendor.hearsNothing('in-transit', 'delivered');
  });
}

test('an order that a nameless driver received before it went away is offered again', async () => {
  const shop = store();
  const [vendor, holder, other] = [await connect(), await connect(), await connect()];
  await place(vendor, orders(shop, 1));
  const pickup = await holder.next('pickup');
  assert.deepEqual(await other.next('pickup'), pickup);
  ok(await holder.ask('received', pickup));
  holder.close();
  assert.deepEqual(await other.next('pickup'), pickup);
  assert.deepEqual(await other.queue(shop, 'pickup'), [pickup]);
  ok(await other.ask('in-transit', pickup));
});

test('an order that a named driver received before it went away is offered again', async () => {
  const shop = store();
  const [vendor, holder, other] = [await connect(), await connectAs('driver', 'ann'), await connect()];
  await place(vendor, orders(shop, 1));
  const pickup = await other.next('pickup');
  ok(await holder.ask('received', pickup));
  holder.close();
  assert.deepEqual(await other.next('pickup'), pickup);
  ok(await other.ask('in-transit', pickup));
});
