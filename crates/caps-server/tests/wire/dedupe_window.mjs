// How long an order that is over is remembered. For a hub with a short dedupe window.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { carry, connect, message, ok, order, store, until } from './client.mjs';

test('after the dedupe window the same order is a new one', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = order(shop, 'one');
  const pickup = message('pickup', placed);
  ok(await vendor.ask('pickup', placed), { messageId: 'one' });
  await carry(driver, await driver.next('pickup'));
  ok(await vendor.ask('received', message('delivered', placed)));
  await until(
    'the end of the window',
    async () => ok(await vendor.ask('pickup', placed)),
    ({ duplicate }) => !duplicate,
  );
  assert.deepEqual(await driver.next('pickup'), pickup);
  await driver.hearsNothing();
  assert.deepEqual(await driver.queue(shop, 'pickup'), [pickup]);
});

test('an order that is under way stays known beyond the dedupe window', async () => {
  const [slow, quick] = [store('slow'), store('quick')];
  const [vendor, driver] = [await connect(), await connect()];
  const underWay = order(slow, 'one');
  ok(await vendor.ask('pickup', underWay));
  await driver.next('pickup');
  // Over and forgotten, while the other one waits.
  const over = order(quick, 'one');
  ok(await vendor.ask('pickup', over));
  await carry(driver, await driver.next('pickup'));
  ok(await vendor.ask('received', message('delivered', over)));
  await until(
    'the end of the window',
    async () => ok(await vendor.ask('pickup', over)),
    ({ duplicate }) => !duplicate,
  );
  ok(await vendor.ask('pickup', underWay), { duplicate: true });
  assert.deepEqual(await driver.next('pickup'), message('pickup', over));
  await driver.hearsNothing();
});
