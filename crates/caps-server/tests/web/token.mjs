// A hub that asks for tokens: so do its pages. The tokens are the arguments: that of a vendor, of a driver, and of a
// driver who drives for two vendors alone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ask, newStore, open, openDriver, orderAt, row } from './browser.mjs';

const [vendor, driver, driverOfTwo] = process.argv.slice(2);

const as = (token) => ({ authorization: `Bearer ${token}` });

/** Places an order, and tells its id. */
async function place() {
  const order = { store: 'acme', orderId: newStore('parcel'), customer: 'Ann' };
  await ask('POST', '/api/orders', order, as(vendor));
  return order.orderId;
}

test('a driver is asked for a token, which stays', async () => {
  const id = await place();
  const page = await openDriver('dana', { phone: true });
  await page.getByRole('alert').getByText('This hub asks for a token').waitFor();
  await page.getByLabel('Your token').fill(driver);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: `Take: ${id}` }).click();
  await page.getByRole('button', { name: `Give back: ${id}` }).waitFor();
  const { timeline } = await ask('GET', orderAt('acme', id), undefined, as(vendor));
  assert.equal(timeline.at(-1).by, 'dana');
  await page.reload();
  await page.getByRole('button', { name: `Give back: ${id}` }).click();
  await page.getByRole('button', { name: `Take: ${id}` }).waitFor();
});

test('a driver of some vendors is shown what there is to take of one of them', async () => {
  const id = await place();
  const page = await openDriver('emil', { phone: true });
  await page.getByLabel('Your token').fill(driverOfTwo);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: `Take: ${id}` }).click();
  await page.getByRole('button', { name: `Give back: ${id}` }).waitFor();
  assert.equal(await page.getByLabel('Vendor').inputValue(), 'acme');
});

test('the dashboard asks for a token and shows what it may see, with the label', async () => {
  const id = await place();
  const page = await open('/');
  await page.getByText('This hub asks for a token').waitFor();
  await page.getByLabel('Your token').fill(driverOfTwo);
  await page.getByRole('button', { name: 'Show' }).click();
  await row(page, id).getByRole('link').click();
  const label = page.getByRole('dialog').getByRole('img');
  await label.waitFor();
  assert.ok(await label.evaluate((picture) => picture.decode().then(() => true)));
  assert.match(page.url(), /vendor=acme/);
});
