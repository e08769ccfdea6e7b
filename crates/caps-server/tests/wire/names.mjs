// The names that CAPS clients in the wild have for ids, and the two forms of an id.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connect, message, ok, store } from './client.mjs';

const CLIENT_ID = [
  'clientId',
  'clientID',
  'queueId',
  'store',
  'storeId',
  'storeName',
  'vendorId',
  'vendorID',
  'retailer',
];
const MESSAGE_ID = ['messageId', 'messageID', 'orderId', 'orderID', 'id'];

for (const whose of CLIENT_ID) {
  for (const which of MESSAGE_ID) {
    test(`a client that says ${whose} and ${which} is understood in every event`, async () => {
      const shop = store();
      const [vendor, driver] = [await connect(), await connect()];
      ok(await vendor.ask('join', { [whose]: shop }));
      ok(await driver.ask('subscribe', { [whose]: shop, event: 'pickup' }));
      const placed = { customer: 'Kim', [which]: 'seven', [whose]: shop, address: 'Elm 1' };
      ok(await vendor.ask('pickup', placed), { messageId: 'seven' });
      const heard = { messageId: 'seven', clientId: shop, order: placed };
      assert.deepEqual(await driver.next('pickup'), { event: 'pickup', ...heard });

      const said = { [which]: 'seven', [whose]: shop, order: placed };
      ok(await driver.ask('in-transit', said), { messageId: 'seven' });
      assert.deepEqual(await vendor.next('in-transit'), { event: 'in-transit', ...heard });
      ok(await driver.ask('delivered', said), { messageId: 'seven' });
      assert.deepEqual(await vendor.next('delivered'), { event: 'delivered', ...heard });

      ok(await vendor.ask('getAll', { [whose]: shop, event: 'delivered' }));
      assert.deepEqual(await vendor.next('delivered'), { event: 'delivered', ...heard });
      const receipt = { [whose]: shop, event: 'delivered', [which]: 'seven' };
      assert.equal(ok(await vendor.ask('received', receipt)).removed, 1);
    });
  }
}

test('7 and "7" are the same order, whose own text keeps the number', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('join', shop));
  const placed = { store: shop, orderId: 7, customer: 'Kim' };
  assert.equal(String(ok(await vendor.ask('pickup', placed)).messageId), '7');
  const pickup = await driver.next('pickup');
  assert.equal(String(pickup.messageId), '7');
  assert.deepEqual(pickup.order, placed);

  ok(await driver.ask('in-transit', { clientId: shop, messageId: '7', order: placed }));
  assert.deepEqual((await vendor.next('in-transit')).order, placed);
  ok(await driver.ask('delivered', { clientId: shop, messageId: 7, order: placed }));
  assert.deepEqual((await vendor.next('delivered')).order, placed);
  const receipt = { clientId: shop, event: 'delivered', messageId: '7' };
  assert.equal(ok(await vendor.ask('received', receipt)).removed, 1);
});

test('a store may be a number', async () => {
  const shop = process.pid;
  const [vendor, driver] = [await connect(), await connect()];
  ok(await vendor.ask('join', { clientId: shop }));
  const placed = { store: shop, orderId: 'one', customer: 'Kim' };
  ok(await vendor.ask('pickup', placed));
  assert.deepEqual(await driver.next('pickup'), message('pickup', placed));
  ok(await driver.ask('delivered', { clientId: String(shop), messageId: 'one', order: placed }));
  assert.deepEqual(await vendor.next('delivered'), message('delivered', placed));
});

test('an order without an id gets a UUID, told in the answer, and its text stays as it was', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = { store: shop, customer: 'Kim', address: 'Elm 1' };
  const given = [];
  for (const time of ['first', 'second']) {
    const { messageId } = ok(await vendor.ask('pickup', placed));
    assert.match(messageId, /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, time);
    const wanted = { event: 'pickup', messageId, clientId: shop, order: placed };
    assert.deepEqual(await driver.next('pickup'), wanted, time);
    given.push(messageId);
  }
  assert.notEqual(given[0], given[1]);
});
