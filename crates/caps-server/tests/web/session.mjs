// A hub that asks for tokens: a browser signs in, and out. The argument is the hub's secret.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { ask, HUB, newStore, open, openDriver, orderAt, row, until } from './browser.mjs';

const [secret] = process.argv.slice(2);

const now = () => Math.floor(Date.now() / 1000);

/** A token as `caps-server token` prints it. */
function token(role, sub, { vendors, seconds = 3600 } = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub, role, vendors, exp: now() + seconds };
  const text = `${encode({ typ: 'JWT', alg: 'HS256' })}.${encode(claims)}`;
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}

const vendor = token('vendor', 'acme');
const as = (bearer) => ({ authorization: `Bearer ${bearer}` });

/** Places an order, and tells its id. */
async function place() {
  const order = { store: 'acme', orderId: newStore('parcel'), customer: 'Ann' };
  await ask('POST', '/api/orders', order, as(vendor));
  return order.orderId;
}

async function signIn(page, text) {
  await page.getByLabel('Your token').fill(text);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

const signOut = (page) => page.getByRole('button', { name: 'Sign out' }).click();

/** Waits for the form, which is all there is. */
async function isSignedOut(page) {
  await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  assert.equal(await page.getByRole('main').getByRole('listitem').count(), 0);
}

test('a driver of all is offered all vendors, before there are any', async () => {
  const page = await open('/driver', { phone: true });
  await signIn(page, token('driver', 'gus'));
  await page.getByText('Nothing waits for a driver.').waitFor();
  assert.deepEqual(await page.getByLabel('Vendor').getByRole('option').allTextContents(), [
    'All vendors',
  ]);
});

test('a token that is not good is refused, and the page says why', async () => {
  const page = await open('/');
  await isSignedOut(page);
  for (const [text, why] of [
    ['nonsense', "The token is not one of this hub's"],
    [token('vendor', 'acme', { seconds: -1 }), 'The token has expired'],
  ]) {
    await signIn(page, text);
    await page.getByRole('alert').getByText(why).waitFor();
  }
  assert.deepEqual(await page.context().cookies(), []);
});

test('a browser that keeps no cookie is told so', async () => {
  const page = await open('/');
  await page.route('**/api/session', (route) =>
    route.request().method() === 'POST' ? route.fulfill({ json: {} }) : route.continue(),
  );
  await signIn(page, vendor);
  await page.getByRole('alert').getByText('allow cookies for this page').waitFor();
});

test('who signs in sees what the token is for, and no script sees the token', async () => {
  const id = await place();
  const page = await open('/');
  await signIn(page, vendor);
  await row(page, id).getByRole('link').click();
  const label = page.getByRole('dialog').getByRole('img');
  await label.waitFor();
  await until('the label', () => label.evaluate(({ naturalWidth }) => naturalWidth > 0));
  assert.match(page.url(), /vendor=acme/);
  const [cookie, ...others] = await page.context().cookies();
  assert.deepEqual(others, []);
  const { httpOnly, sameSite, path, expires } = cookie;
  assert.deepEqual([httpOnly, sameSite, path], [true, 'Strict', '/']);
  assert.ok(Math.abs(expires - now() - 3600) < 60, `${expires}`);
  const seen = await page.evaluate(() =>
    JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]),
  );
  assert.equal(seen, '["",{},{}]');
});

test('a link of another site shows the page to who has signed in', async () => {
  const id = await place();
  const page = await open('/');
  await signIn(page, vendor);
  await row(page, id).waitFor();
  const link = `<a href="${HUB}/?order=acme/${id}">The order</a>`;
  await page.route('http://elsewhere.test/', (route) =>
    route.fulfill({ contentType: 'text/html', body: link }),
  );
  await page.goto('http://elsewhere.test/');
  await page.getByRole('link').click();
  await page.getByRole('dialog').getByRole('heading', { name: id }).waitFor();
});

test('a page at another port, which a browser sends the cookie for, can do nothing by it', async () => {
  const page = await open('/');
  await signIn(page, vendor);
  await page.getByText('Live', { exact: true }).waitFor();
  const neighbour = createServer((_, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Free parcels</title>'),
  );
  await once(neighbour.listen(0, '127.0.0.1'), 'listening');
  try {
    await page.goto(`http://127.0.0.1:${neighbour.address().port}/`);
    const answer = await page.evaluate(
      (hub) => {
        const line = new WebSocket(`${hub}/socket.io/?EIO=4&transport=websocket`);
        return new Promise((resolve) => {
          line.onmessage = ({ data }) => {
            if (data.startsWith('0')) line.send('40/caps,');
            if (data.startsWith('4')) resolve(data);
          };
        });
      },
      HUB.replace('http', 'ws'),
    );
    assert.match(answer, /^44\/caps,.*unauthorized/);

    const id = newStore('forged');
    const posted = page.waitForResponse(`${HUB}/api/orders`);
    await page.evaluate(
      ([action, begin]) => {
        const form = document.createElement('form');
        Object.assign(form, { method: 'POST', enctype: 'text/plain', action });
        form.append(Object.assign(document.createElement('input'), { name: begin, value: '"}' }));
        document.body.append(form);
        form.submit();
      },
      [`${HUB}/api/orders`, `{"store": "acme", "orderId": "${id}", "note": "`],
    );
    const response = await posted;
    assert.match((await response.request().allHeaders()).cookie, /caps=/);
    assert.equal(response.status(), 403);
    await assert.rejects(ask('GET', orderAt('acme', id), undefined, as(vendor)), /404/);
  } finally {
    neighbour.close();
  }
});

test('who signs out is out, on every page of this browser', async () => {
  const page = await open('/');
  await signIn(page, vendor);
  await page.getByText('Live', { exact: true }).waitFor();
  await page.locator('#who').getByText('acme').waitFor();
  await page.getByText('--token "$CAPS_TOKEN"').waitFor();
  const other = await page.context().newPage();
  await other.goto(`${HUB}/?view=log`);
  await other.getByText('Live', { exact: true }).waitFor();
  await signOut(page);
  await isSignedOut(page);
  await isSignedOut(other);
  assert.deepEqual(await page.context().cookies(), []);
  await page.goto(`${HUB}/driver`);
  await isSignedOut(page);
  const status = await page.evaluate(async () => (await fetch('/api/log')).status);
  assert.equal(status, 401);
});

test('a driver is known by the token, which stays', async () => {
  const id = await place();
  const page = await open('/driver', { phone: true });
  await signIn(page, token('driver', 'dana'));
  await page.getByRole('heading', { name: 'dana' }).waitFor();
  await page.getByRole('button', { name: `Take: ${id}` }).click();
  await page.getByRole('button', { name: `Give back: ${id}` }).waitFor();
  const { timeline } = await ask('GET', orderAt('acme', id), undefined, as(vendor));
  assert.equal(timeline.at(-1).by, 'dana');
  await page.reload();
  await page.getByRole('button', { name: `Give back: ${id}` }).click();
  await page.getByRole('button', { name: `Take: ${id}` }).waitFor();
  await signOut(page);
  await isSignedOut(page);
});

test('a driver of some vendors is shown what there is to take of one of them', async () => {
  const id = await place();
  const page = await openDriver('another name', { phone: true });
  await signIn(page, token('driver', 'emil', { vendors: ['acme', 'flowers'] }));
  await page.getByRole('heading', { name: 'emil' }).waitFor();
  await page.getByRole('button', { name: `Take: ${id}` }).click();
  await page.getByRole('button', { name: `Give back: ${id}` }).waitFor();
  assert.deepEqual(await page.getByLabel('Vendor').getByRole('option').allTextContents(), [
    'acme',
    'flowers',
  ]);
});

test('who is no driver is told so on the driver’s page', async () => {
  const page = await open('/driver', { phone: true });
  await signIn(page, vendor);
  await page.getByRole('alert').getByText('This page is for drivers').waitFor();
  await signOut(page);
  await isSignedOut(page);
});

test('when a token expires, its pages show so and nothing else', async () => {
  await place();
  const pages = [];
  for (const [address, role, name] of [
    ['/', 'observer', 'olga'],
    ['/driver', 'driver', 'fred'],
  ]) {
    const page = await open(address);
    await signIn(page, token(role, name, { seconds: 10 }));
    await page.getByText('Live', { exact: true }).waitFor();
    pages.push(page);
  }
  for (const page of pages) {
    await page.getByText('You are signed out: your token has expired').waitFor();
    await isSignedOut(page);
  }
});

test('what is scanned without a line waits for its driver to sign in again', async () => {
  const id = await place();
  const page = await open('/driver', { phone: true });
  const fred = () => token('driver', 'fred', { seconds: 12 });
  await signIn(page, fred());
  await page.getByRole('button', { name: `Take: ${id}` }).waitFor();
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.context().setOffline(true);
  await page.getByText('No line to the hub.').waitFor();
  await page.keyboard.type(id);
  await page.keyboard.press('Enter');
  await page.getByText('1 waiting for the line').waitFor();
  await signOut(page);
  await page.getByText('Not all is sent yet.').waitFor();
  // The page itself comes from the browser now.
  await page.reload();
  await page.getByText('1 waiting for the line').waitFor();
  await until('the end of the token', async () => (await page.context().cookies()).length === 0);
  await page.context().setOffline(false);
  await isSignedOut(page);
  await signIn(page, fred());
  await page.getByRole('button', { name: `Give back: ${id}` }).waitFor();
});
