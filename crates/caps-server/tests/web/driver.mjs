// The driver's page, as a driver uses it: with a thumb, a scanner at the cable, a camera, and no line at all.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  deliver,
  life,
  newStore,
  open,
  openDriver,
  orderAt,
  place,
  take,
  until,
} from './browser.mjs';

let drivers = 0;
const newDriver = () => `dana-${process.pid}-${++drivers}`;

const said = (page, text) => page.locator('#said').getByText(text).waitFor();

/** As a scanner at the cable does: it types, and presses Enter. */
async function scan(page, act, code) {
  await page.getByText(act, { exact: true }).last().click();
  await page.keyboard.type(code);
  await page.keyboard.press('Enter');
}

const card = (page, id) => page.locator('.order').filter({ hasText: id });

test('a driver says a name, takes, gives back and delivers by touch', async () => {
  const [store, driver] = [newStore(), newDriver()];
  await place(store, 'parcel-1');
  const page = await open('/driver', { phone: true });
  await page.getByLabel('Your name').fill(driver);
  await page.getByRole('button', { name: 'Start' }).click();
  await page.getByRole('button', { name: `Take: parcel-1 of ${store}` }).click();
  await page.getByRole('button', { name: `Give back: parcel-1 of ${store}` }).click();
  await page.getByRole('button', { name: `Take: parcel-1 of ${store}` }).click();
  await page.getByRole('button', { name: `Delivered: parcel-1 of ${store}` }).click();
  await page.getByLabel('Note').fill('with Bo');
  await page.getByRole('dialog').getByRole('button', { name: 'Delivered' }).click();
  await said(page, 'Delivered: parcel-1.');
  await page.getByText('You have no orders.').waitFor();
  assert.deepEqual(await life(store, 'parcel-1'), [
    'pickup',
    `in-transit by ${driver}`,
    `released by ${driver}`,
    `in-transit by ${driver}`,
    `delivered by ${driver}`,
  ]);
  // The name stays.
  await page.reload();
  await page.getByRole('heading', { name: driver }).waitFor();
});

test('a scan takes and delivers, by order id and by the code of a label', async () => {
  const [store, driver] = [newStore(), newDriver()];
  const id = `${driver}/1`;
  await place(store, id);
  const page = await openDriver(driver, { phone: true });
  await scan(page, 'Take', id);
  await said(page, `You have ${id}.`);
  await scan(page, 'Deliver', `${store}/${id}`);
  await said(page, `Delivered: ${store}/${id}.`);
  assert.deepEqual(await life(store, id), [
    'pickup',
    `in-transit by ${driver}`,
    `delivered by ${driver}`,
  ]);
  const { timeline } = await ask('GET', orderAt(store, id));
  const { proof } = timeline.at(-1);
  assert.equal(proof.code, `${store}/${id}`);
  assert.ok(Date.now() - Date.parse(proof.scannedAt) < 60_000, proof.scannedAt);
});

test('what cannot be done is said at once, with a buzz, and is not sent', async () => {
  const [store, driver] = [newStore(), newDriver()];
  for (const id of ['mine', 'anothers', 'over']) await place(store, id);
  await take(store, 'anothers', 'emil');
  await take(store, 'over', 'emil');
  await deliver(store, 'over', 'emil');
  const before = 'window.buzzes = []; navigator.vibrate = (buzz) => window.buzzes.push(buzz);';
  const page = await openDriver(driver, { phone: true, before });
  const posts = [];
  page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()));
  await scan(page, 'Take', 'nothing-like-it');
  await said(page, 'No order is known by nothing-like-it.');
  await scan(page, 'Take', `${store}/anothers`);
  await said(page, 'emil has anothers.');
  await scan(page, 'Take', `${store}/over`);
  await said(page, 'over was delivered already, by emil');
  await scan(page, 'Deliver', `${store}/mine`);
  await said(page, 'You have not taken mine yet.');
  const buzzes = await page.evaluate('window.buzzes');
  assert.equal(buzzes.length, 4);
  assert.ok(
    buzzes.every((buzz) => buzz.length > 1),
    JSON.stringify(buzzes),
  );
  assert.deepEqual(posts, []);
  await page.getByText('emil', { exact: true }).first().waitFor();
});

test('what is scanned without a line is kept, through a reload, and sent in order', async () => {
  const [store, driver] = [newStore(), newDriver()];
  for (const id of ['1', '2', '3']) await place(store, `${store}-${id}`);
  const page = await openDriver(driver, { phone: true });
  await page.evaluate(() => navigator.serviceWorker.ready);
  await scan(page, 'Take', `${store}-1`);
  await said(page, `You have ${store}-1.`);
  await page.context().setOffline(true);
  await page.getByText('No line to the hub.').waitFor();
  const scannedAt = Date.now();
  await scan(page, 'Deliver', `${store}-1`);
  await said(page, `Kept: ${store}-1.`);
  await scan(page, 'Take', `${store}-2`);
  await said(page, `Kept: ${store}-2.`);
  await scan(page, 'Deliver', `${store}-2`);
  await scan(page, 'Take', 'nothing-like-it');
  await said(page, 'Kept: nothing-like-it.');
  await scan(page, 'Take', `${store}/${store}-3`);
  await page.getByText('5 waiting for the line').waitFor();
  // The page itself comes from the browser now.
  await page.reload();
  await page.getByText('5 waiting for the line').waitFor();
  assert.deepEqual(await life(store, `${store}-1`), ['pickup', `in-transit by ${driver}`]);

  await page.context().setOffline(false);
  await said(page, 'No order is known by nothing-like-it.');
  await page.getByText('waiting for the line').waitFor({ state: 'hidden' });
  await card(page, `${store}-3`).getByRole('button', { name: 'Give back' }).waitFor();
  // What was refused stays until the driver has seen it.
  await page.getByRole('button', { name: 'Strike out: Take nothing-like-it' }).click();
  await page.getByText('Not sent yet').waitFor({ state: 'hidden' });

  const { events } = await ask('GET', `/api/log?clientId=${store}`);
  const sent = events
    .filter(({ by }) => by)
    .map(({ event, messageId }) => `${event} ${messageId.slice(-1)}`);
  assert.deepEqual(sent, [
    'in-transit 1',
    'delivered 1',
    'in-transit 2',
    'delivered 2',
    'in-transit 3',
  ]);
  const { proof } = events.find(({ event }) => event === 'delivered');
  assert.ok(
    Math.abs(Date.parse(proof.scannedAt) - scannedAt) < 5000,
    'it was scanned before it was sent',
  );
});

test('an order id that two stores have is asked about', async () => {
  const [one, two, driver] = [newStore('one'), newStore('two'), newDriver()];
  const id = `${one}-same`;
  await place(one, id, { customer: 'Ann' });
  await place(two, id, { customer: 'Bo' });
  const page = await openDriver(driver);
  await scan(page, 'Take', id);
  await page.getByRole('button', { name: `${two}: Bo` }).click();
  await said(page, `You have ${id}.`);
  assert.deepEqual(
    [await life(one, id), await life(two, id)].map((events) => events.length),
    [1, 2],
  );
});

test('the camera reads codes where the browser can', async () => {
  const [store, driver] = [newStore(), newDriver()];
  await place(store, 'seen');
  // This Chromium has a camera, and no reader of codes.
  const before = `window.BarcodeDetector = class {
    static getSupportedFormats = async () => ['qr_code'];
    detect = async (video) => (video.videoWidth ? [{ rawValue: '${store}/seen' }] : []);
  };`;
  const page = await openDriver(driver, { phone: true, before, permissions: ['camera'] });
  await page.getByRole('button', { name: 'Camera', exact: true }).click();
  await said(page, `You have ${store}/seen.`);
  await page.getByRole('button', { name: 'Close the camera' }).click();
  await until(
    'one taking',
    () => life(store, 'seen'),
    (events) => events.length === 2,
  );
});
