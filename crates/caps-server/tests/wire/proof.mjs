// A proof of delivery: what a driver has to show, which its vendor is shown as the driver wrote it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS, connect, ids, message, name, ok, order, orders, place, refused, store } from './client.mjs';

/** A proof whose text no JSON library would write like this. */
const PROOF =
  '{ "scannedAt":"2026-11-22T21:04:05Z","driver":"ann", "code":4711.00,' +
  '"10":"ten","9":"nine","note":"\\u0041 ż 🦀","location":{"lat":52.50,"lon":1E1} }';

/** One order of `shop` that `driver` has in transit; its pickup. */
async function inTransit(shop, vendor, driver) {
  await place(vendor, orders(shop, 1));
  const pickup = await driver.next('pickup');
  ok(await driver.ask('in-transit', pickup));
  return pickup;
}

for (const kind of KINDS) {
  test(`${name(kind)} sends and hears a proof to the letter, live and replayed`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(kind), await connect(kind)];
    ok(await vendor.ask('join', shop));
    const pickup = await inTransit(shop, vendor, driver);
    const delivered = `{"proof":${PROOF},${JSON.stringify(pickup).slice(1)}`;

    const told = vendor.text('2/caps,["delivered"');
    ok(JSON.parse(await driver.askText('"delivered"', delivered)), { messageId: 'order-0' });
    assert.ok((await told).endsWith(`,"proof":${PROOF}}]`), await told);
    const proven = { ...message('delivered', pickup.order), proof: JSON.parse(PROOF) };
    assert.deepEqual(await vendor.next('delivered'), proven);

    const again = vendor.text('2/caps,["delivered"');
    assert.deepEqual(await vendor.queue(shop, 'delivered'), [proven]);
    assert.equal(await again, await told);
    ok(await vendor.ask('received', proven), { removed: 1 });
  });
}

test('a delivery without a proof is told without one, and so is every other event', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  const placed = order(shop, 'one');
  const proof = { code: '4711' };
  ok(await vendor.ask('pickup', { ...message('pickup', placed), proof }));
  assert.deepEqual(await driver.next('pickup'), message('pickup', placed));
  ok(await driver.ask('in-transit', { ...message('pickup', placed), proof }));
  assert.deepEqual(await vendor.next('in-transit'), message('in-transit', placed));
  ok(await driver.ask('delivered', { ...message('pickup', placed), proof: null }));
  assert.deepEqual(await vendor.next('delivered'), message('delivered', placed));
});

test('the first proof stands', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const pickup = await inTransit(shop, vendor, driver);
  ok(await driver.ask('delivered', { ...pickup, proof: { code: 1 } }), { messageId: 'order-0' });
  ok(await driver.ask('delivered', { ...pickup, proof: { code: 2 } }), { duplicate: true });
  const [delivered] = await vendor.queue(shop, 'delivered');
  assert.deepEqual(delivered.proof, { code: 1 });
});

test('a `proof` in an order is a field of the vendor\'s own', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = order(shop, 'one', { proof: { ofAge: true } });
  ok(await vendor.ask('pickup', placed));
  const { order: heard } = await driver.next('pickup');
  ok(await driver.ask('delivered', heard));
  assert.deepEqual(await vendor.queue(shop, 'delivered'), [message('delivered', placed)]);
});

test('what is no proof is refused with the mend, and the order can still be delivered', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const pickup = await inTransit(shop, vendor, driver);
  for (const proof of [7, true, 'signed', [], [{}]]) {
    const { message: mend } = refused(await driver.ask('delivered', { ...pickup, proof }), 'invalid_payload');
    assert.match(mend, /`proof` that is not a JSON object; send one such as/);
  }
  const photo = (bytes) => ({ photo: 'x'.repeat(bytes - '{"photo":""}'.length) });
  const { message: mend } = refused(
    await driver.ask('delivered', { ...pickup, proof: photo(4097) }),
    'payload_too_large',
  );
  assert.match(mend, /`proof` has 4097 bytes; at most 4096 are taken/);
  assert.deepEqual(await vendor.queue(shop, 'delivered'), []);
  ok(await driver.ask('delivered', { ...pickup, proof: photo(4096) }), { messageId: 'order-0' });
  assert.deepEqual(ids(await vendor.queue(shop, 'delivered')), ['order-0']);
});
