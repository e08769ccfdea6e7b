// A hub that asks for tokens: its page asks the driver for one. The tokens are the arguments: a vendor's, a driver's.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, life, newStore, openDriver } from './browser.mjs';

const [vendor, driver] = process.argv.slice(2);

test('a driver is asked for a token, and what was scanned before is sent with it', async () => {
  const order = { store: 'acme', orderId: newStore('parcel'), customer: 'Ann' };
  await ask('POST', '/api/orders', order, { authorization: `Bearer ${vendor}` });
  const page = await openDriver('dana', { phone: true });
  await page.getByRole('button', { name: `Take: ${order.orderId}` }).click();
  await page.getByRole('alert').getByText('This hub asks for a token').waitFor();
  await page.getByLabel('Your token').fill(driver);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: `Give back: ${order.orderId}` }).waitFor();
  assert.deepEqual(await life('acme', order.orderId), ['pickup', 'in-transit by dana']);
  // It is kept, as the name is.
  await page.reload();
  await page.getByRole('button', { name: `Give back: ${order.orderId}` }).click();
  await page.getByRole('button', { name: `Take: ${order.orderId}` }).waitFor();
});
