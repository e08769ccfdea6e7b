// A browser, and a few verbs for the pages and for the hub behind them. No page may meet an error, be it its own
// or one of its policy, and no text of an order may ever run.

import assert from 'node:assert/strict';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { after, afterEach } from 'node:test';
import { inspect } from 'node:util';

// The library lives outside of the source tree, where ES modules would not look for it.
const require = createRequire(
  process.env.CAPS_NPM ? path.resolve(process.env.CAPS_NPM, 'package.json') : import.meta.url,
);
const { chromium } = require('playwright-core');

export const HUB = process.env.CAPS_URL ?? 'http://localhost:3001';

/** The longest that anything may take, in milliseconds. */
const BOUND = 20_000;

const ARGS =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking ' +
  '--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream';

const browser = await chromium.launch({
  executablePath: process.env.CAPS_CHROMIUM ?? '/usr/bin/chromium',
  args: ARGS.split(' '),
});
after(() => browser.close());

const contexts = [];
const errors = [];
afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
  assert.deepEqual(errors.splice(0), []);
});

/** Opens a page of the hub; `phone` is as narrow as they get. `before` runs in the page ahead of its own scripts. */
export async function open(address, { phone = false, before, ...options } = {}) {
  const viewport = phone ? { width: 360, height: 740 } : { width: 1280, height: 800 };
  const context = await browser.newContext({ viewport, ...options });
  contexts.push(context);
  context.setDefaultTimeout(BOUND);
  const page = await context.newPage();
  page.on('pageerror', (why) => errors.push(String(why)));
  page.on('dialog', (dialog) => errors.push(`a dialog: ${dialog.message()}`));
  page.on('console', (message) => {
    // A request that fails is noted by the browser; what the page makes of it is what the tests look at.
    const isRequest = message.text().startsWith('Failed to load resource');
    if (message.type() === 'error' && !isRequest) errors.push(message.text());
  });
  if (before) await page.addInitScript(before);
  await page.goto(HUB + address);
  return page;
}

/** Opens the driver's page for a driver who has said their name before. */
export const openDriver = (name, options) =>
  open('/driver', {
    ...options,
    before:
      `localStorage.setItem('caps.driver', ${JSON.stringify(name)});` + (options?.before ?? ''),
  });

/** Asks again and again until the answer is as wanted. */
export async function until(what, ask, wanted = Boolean, bound = BOUND) {
  const end = Date.now() + bound;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    assert.ok(Date.now() < end, `${bound} ms went by without ${what}; at last: ${inspect(answer)}`);
    await new Promise((next) => setTimeout(next, 20));
  }
}

// What is done at the hub by others

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

/** What the hub answers, as JSON. */
export function ask(method, address, body, more = {}) {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', ...more };
    const request = http.request(HUB + address, { method, headers, agent }, async (response) => {
      let text = '';
      for await (const part of response.setEncoding('utf8')) text += part;
      if (response.statusCode < 300) resolve(JSON.parse(text));
      else reject(new Error(`${method} ${address} was answered ${response.statusCode}: ${text}`));
    });
    request.on('error', reject);
    request.end(body && JSON.stringify(body));
  });
}

/** Has one Socket.IO client emit all of this, by long polling, and waits until the last of it is answered. */
export async function emitAll(events) {
  const session = `${HUB}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(session)).text()).slice(1));
  const post = (body) => fetch(`${session}&sid=${sid}`, { method: 'POST', body });
  const poll = async () => (await fetch(`${session}&sid=${sid}`)).text();
  const hears = (wanted) => until(wanted, poll, (packets) => packets.includes(wanted), 60_000);

  await post('40/caps,{"clientId":"dana"}');
  await hears('40/caps,');
  const packets = events.map((event) => `42/caps,${JSON.stringify(event)}`);
  packets.push(packets.pop().replace('42/caps,', '42/caps,1'));
  while (packets.length > 0) await post(packets.splice(0, 5000).join('\x1e'));
  await hears('43/caps,1[{"status":"ok"');
}

export const orderAt = (store, id) =>
  `/api/orders/${encodeURIComponent(store)}/${encodeURIComponent(id)}`;

export const place = (store, orderId, fields = {}) =>
  ask('POST', '/api/orders', { store, orderId, customer: 'Ann', address: 'Elm 1', ...fields });

export const take = (store, id, driver) =>
  ask('POST', `${orderAt(store, id)}/in-transit`, { driver });

export const deliver = (store, id, driver) =>
  ask('POST', `${orderAt(store, id)}/delivered`, { driver });

/** What has happened to an order, such as `in-transit by dana`. */
export async function life(store, id) {
  const { timeline } = await ask('GET', orderAt(store, id));
  return timeline.map(({ event, by }) => (by ? `${event} by ${by}` : event));
}

let stores = 0;

/** A store of this test alone. */
export const newStore = (name = 'acme') => `${name}-${process.pid}-${++stores}`;

// What is seen of the pages

export const row = (page, id) =>
  page.locator('#rows tr').filter({ has: page.getByRole('link', { name: id, exact: true }) });

export async function fits(page) {
  const [width, room] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  assert.ok(width <= room, `${page.url()} is ${width} wide, and there is room for ${room}`);
}
