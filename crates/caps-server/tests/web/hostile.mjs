// Orders that try to be more than text, and such as are too wide for a phone.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  deliver,
  fits,
  newStore,
  HUB,
  open,
  openDriver,
  orderAt,
  place,
  take,
} from './browser.mjs';

const HOSTILE = '<img src=x onerror=alert(1)>';

/** Nothing of an order has become a part of the page. */
async function isText(page) {
  const shown = page.locator('#rows td, #order dd, .order, #said');
  await shown.filter({ hasText: HOSTILE }).first().waitFor();
  assert.equal(await page.locator('img[src="x"], [onerror], b, script:not([src])').count(), 0);
}

test('a hostile order is text everywhere', async () => {
  const store = newStore(HOSTILE);
  const address = '</script><b>bold</b>';
  await place(store, HOSTILE, { customer: HOSTILE, address });
  const vendor = encodeURIComponent(store);
  const order = `${vendor}/${encodeURIComponent(HOSTILE)}`;
  for (const path of [
    `/?vendor=${vendor}`,
    `/?view=log&vendor=${vendor}`,
    `/?q=${encodeURIComponent(HOSTILE)}`,
  ]) {
    await isText(await open(path));
  }
  const page = await open(`/?order=${encodeURIComponent(order)}`);
  await page.getByRole('dialog').getByText(address).first().waitFor();
  await isText(page);

  const driver = await openDriver(HOSTILE, { phone: true });
  await isText(driver);
  await driver.getByRole('button', { name: `Take: ${HOSTILE} of ${store}` }).click();
  await driver.getByRole('button', { name: `Delivered: ${HOSTILE} of ${store}` }).click();
  await driver.getByRole('dialog').getByRole('button', { name: 'Delivered' }).click();
  await driver.locator('#said').getByText(`Delivered: ${HOSTILE}.`).waitFor();
  await isText(driver);
  await isText(page);
});

test('the label of a hostile order is a picture of its text', async () => {
  const store = newStore();
  await place(store, HOSTILE, {
    customer: HOSTILE,
    address: '</text></svg><script>alert(1)</script>',
  });
  // As a document of its own, which is what a browser might run.
  const page = await open(`${orderAt(store, HOSTILE)}/label.svg`);
  const kinds = await page.evaluate(() =>
    [...document.querySelectorAll('*')].map((part) => part.localName),
  );
  assert.equal(kinds[0], 'svg');
  assert.ok(
    !kinds.some((kind) => ['img', 'script', 'image', 'a', 'foreignObject'].includes(kind)),
    kinds.join(),
  );
  const text = await page.evaluate(() => document.documentElement.textContent);
  assert.ok(text.includes(HOSTILE), text);
  assert.ok(
    (await (await fetch(`${HUB}${orderAt(store, HOSTILE)}/label.svg`)).text()).includes('&lt;img'),
  );
});

test('nothing is too wide for a phone', async () => {
  const store = 'w'.repeat(200) + newStore();
  const id = 'm'.repeat(256);
  await place(store, id, {
    customer: 'W'.repeat(300),
    address: 'M'.repeat(300),
    note: 'x'.repeat(500),
  });
  await place(store, 'second');
  await take(store, 'second', 'd'.repeat(200));
  await place(store, 'third');
  await take(store, 'third', 'd'.repeat(200));
  await deliver(store, 'third', 'd'.repeat(200));
  for (const path of [
    '/',
    `/?vendor=${store}`,
    '/?view=log',
    `/?order=${store}/${id}`,
    '/?q=nothing-like-it',
  ]) {
    const page = await open(path, { phone: true });
    const parts = page.locator(path.includes('nothing') ? '#none-found' : '#rows tr');
    await parts.first().waitFor();
    if (path.includes('order='))
      await page.getByRole('dialog').getByText('As its vendor wrote it').waitFor();
    else for (const folded of await page.locator('summary').all()) await folded.click();
    await fits(page);
  }
  const driver = await openDriver('n'.repeat(80), { phone: true });
  await driver.locator('.order').first().waitFor();
  await fits(driver);
  await fits(await open('/driver', { phone: true }));
});
