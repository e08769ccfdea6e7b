// The dashboard, as somebody at a vendor uses it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deliver,
  life,
  newStore,
  open,
  orderAt,
  place,
  row,
  take,
  until,
  ask,
} from './browser.mjs';

test('a delivery shows within a second', async () => {
  const store = newStore();
  const ids = ['7', '8', '9'];
  for (const id of ids) {
    await place(store, id);
    await take(store, id, 'dana');
  }
  const page = await open(`/?vendor=${store}`);
  await page.getByText('Live', { exact: true }).waitFor();
  const times = [];
  for (const id of ids) {
    await row(page, id).getByText('In transit').waitFor();
    const start = performance.now();
    await deliver(store, id, 'dana');
    await row(page, id).getByText('Delivered').waitFor();
    times.push(performance.now() - start);
    await row(page, id).getByText('dana').waitFor();
  }
  // A machine that has much else to do is slow at times.
  assert.ok(Math.min(...times) < 1000, `it took ${times} ms`);
  await page.getByRole('status').getByText(`Delivered: 9 of ${store} to Ann by dana.`).waitFor();
});

test('new orders come on top, and only those that were asked for', async () => {
  const store = newStore();
  await place(store, 'first');
  const page = await open(`/?vendor=${store}&state=ready`);
  await row(page, 'first').waitFor();
  await place(newStore('other'), 'of another');
  await place(store, 'second', { customer: 'Zoe' });
  await row(page, 'second').waitFor();
  const ids = () => page.locator('#rows a').allTextContents();
  assert.deepEqual(await ids(), ['second', 'first']);
  // Taken, it is not ready any more.
  await take(store, 'second', 'dana');
  await row(page, 'second').waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'In transit' }).click();
  await row(page, 'second').waitFor();
  await page.getByPlaceholder('Order id or customer').fill('zoe');
  await until('the search', ids, (found) => found.length === 1 && found[0] === 'second');
  assert.match(page.url(), /state=ready,in-transit&q=zoe/);
  // Given back and taken again, it leaves what is asked for and enters it again.
  await page.getByRole('button', { name: 'Ready' }).click();
  await ask('POST', `${orderAt(store, 'second')}/release`, { driver: 'dana' });
  await row(page, 'second').waitFor({ state: 'detached' });
  await take(store, 'second', 'emil');
  await row(page, 'second').getByText('emil').waitFor();
});

test('an order has a page of its own, by mouse, keyboard and address', async () => {
  const store = newStore('a/b & c');
  await place(store, '1/2 %', { total: 1.5, note: 'ring twice' });
  await place(store, 'above');
  const page = await open(`/?vendor=${encodeURIComponent(store)}`);
  await row(page, 'above').getByRole('link').focus();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  const sheet = page.getByRole('dialog');
  await sheet.getByText('ring twice').waitFor();
  assert.equal(await sheet.getByRole('heading', { level: 2 }).textContent(), '1/2 %');
  assert.ok(await sheet.getByRole('img').evaluate((label) => label.decode().then(() => true)));
  // It follows what happens.
  await take(store, '1/2 %', 'dana');
  await sheet.getByRole('listitem').getByText('In transit').waitFor();
  const address = page.url();
  await page.keyboard.press('Escape');
  await sheet.waitFor({ state: 'hidden' });
  await until('the address of the list', () => !page.url().includes('order='));

  const other = await open(address.slice(address.indexOf('/?')));
  await other.getByRole('dialog').getByText('ring twice').waitFor();
  await other.getByRole('button', { name: 'Close' }).click();
  await other.getByRole('dialog').waitFor({ state: 'hidden' });
  await row(other, 'above').waitFor();
});

test('the log is narrowed to one event, and grows while it is read', async () => {
  const store = newStore();
  await place(store, '7');
  const page = await open(`/?vendor=${store}`);
  await page.getByRole('link', { name: 'Log' }).click();
  await row(page, '7').getByText('Placed').waitFor();
  await page.getByLabel('Event').selectOption('Delivered');
  await page.getByText('Nothing matches').waitFor();
  await take(store, '7', 'dana');
  await deliver(store, '7', 'dana');
  await row(page, '7').getByText('Delivered').waitFor();
  assert.equal(await row(page, '7').count(), 1);
});

test('nothing is there yet: the page says what to do', async () => {
  const store = newStore();
  const page = await open(`/?vendor=${store}`);
  await page.getByText('No orders yet').waitFor();
  const command = await page.locator('#command').textContent();
  assert.ok(command.includes(store) && command.includes('/api/orders'), command);
});

test('what waits and who is connected is shown', async () => {
  const store = newStore();
  await place(store, '7');
  const page = await open(`/?vendor=${store}`);
  const queue = page.getByRole('row').filter({ hasText: `${store} pickup` });
  await queue.getByRole('cell', { name: '1', exact: true }).waitFor();
  assert.deepEqual(await life(store, '7'), ['pickup']);
});
