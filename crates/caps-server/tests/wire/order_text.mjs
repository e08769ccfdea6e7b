// An order's text stays as its vendor wrote it. JavaScript would rewrite numbers, so these tests write and read
// the packets' text themselves, below the library.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KINDS, connect, message, name, ok, order, refused, store } from './client.mjs';

/** An order whose text no JSON library would write like this. */
const text = (shop, id) =>
  `{"zeta":1.0,"store":${JSON.stringify(shop)},"orderId":${JSON.stringify(id)},` +
  '"big":12345678901234567890,"tiny":1e-400,"exponent":1E3,"zero":-0.0,' +
  '"digits":0.10000000000000000000000000000001,' +
  '"10":"ten","9":"nine","":"nameless","__proto__":{"constructor":null},' +
  '"escaped":"\\u00e9\\u0041\\ud83e\\udd80\\/\\b\\f","plain":"é ż 東京 🦀 👩‍🚀 e\u0301 \u2028",' +
  '"deep":[[],{},[{"b":1,"a":2}]],"alpha":true}';

for (const kind of KINDS) {
  test(`${name(kind)} sends and hears an order to the letter, live and replayed, to its door`, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(kind), await connect(kind)];
    ok(await vendor.ask('join', shop));
    const placed = text(shop, 'one');
    const hears = (client, event) => client.text(`2/caps,["${event}"`);
    const carries = async (heard) =>
      assert.ok((await heard).includes(`"order":${placed}`), `${await heard} carries ${placed}`);

    const live = hears(driver, 'pickup');
    ok(JSON.parse(await vendor.askText('"pickup"', placed)), { messageId: 'one' });
    await carries(live);
    const pickup = await driver.next('pickup');

    const replayed = hears(driver, 'pickup');
    ok(await driver.ask('getAll', { clientId: shop, event: 'pickup' }));
    await carries(replayed);

    for (const event of ['in-transit', 'delivered']) {
      // The driver's library rewrites the order; the vendor still hears its own text.
      const told = hears(vendor, event);
      ok(await driver.ask(event, pickup));
      await carries(told);
      const again = hears(vendor, event);
      ok(await vendor.ask('getAll', { clientId: shop, event }));
      await carries(again);
    }
  });
}

test('an order in a message keeps its text, too', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const placed = text(shop, 'inner');
  const heard = driver.text('2/caps,["pickup"');
  const announced = `{"order":${placed},"messageId":"one","clientId":"${shop}","event":"pickup"}`;
  ok(JSON.parse(await vendor.askText('"pickup"', announced)), { messageId: 'one' });
  assert.ok((await heard).includes(`"order":${placed}`), await heard);
});

test('the same text again is a duplicate, and another number in it is another order', async () => {
  const shop = store();
  const vendor = await connect();
  const placed = text(shop, 'one');
  ok(JSON.parse(await vendor.askText('"pickup"', placed)), { messageId: 'one' });
  ok(JSON.parse(await vendor.askText('"pickup"', placed)), { duplicate: true });
  const changed = placed.replace('12345678901234567890', '12345678901234561111');
  refused(JSON.parse(await vendor.askText('"pickup"', changed)), 'order_conflict');
});

// Clients that check what they read, such as Rust's, could not read the queue that such an order is in.
test('half a character, as JavaScript makes when it cuts an emoji in two, is refused with the mend', async () => {
  const shop = store();
  const [vendor, driver] = [await connect(), await connect()];
  const halved = order(shop, 'one', { customer: 'Zoë 🦀'.slice(0, -1) });
  const { message: mend } = refused(await vendor.ask('pickup', halved), 'invalid_payload');
  assert.match(mend, /send whole characters/);
  const whole = order(shop, 'one', { customer: 'Zoë 🦀' });
  ok(await vendor.ask('pickup', whole), { messageId: 'one' });
  assert.deepEqual(await driver.next('pickup'), message('pickup', whole));
});
