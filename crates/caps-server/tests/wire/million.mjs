// A million orders wait, and are replayed to one reader. CAPS_HUB is the hub's process id.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { connect, ok, orders, place } from './client.mjs';

const COUNT = 1_000_000;
const AT_ONCE = 5_000;
const MEBIBYTE = 1024 * 1024;

/** The hub's resident memory in bytes; 0 where the system does not tell. */
function memory() {
  const status = `/proc/${process.env.CAPS_HUB}/status`;
  if (!existsSync(status)) return 0;
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8'))[1]) * 1024;
}

test('a backlog of 1,000,000 is replayed whole, in order and in bounded memory', async (t) => {
  const vendor = await connect({}, { auth: { role: 'vendor', clientId: 'acme-widgets' } });
  const before = memory();
  for (let from = 0; from < COUNT; from += AT_ONCE) {
    await place(vendor, orders('acme-widgets', AT_ONCE, from));
  }
  const waiting = memory();
  t.diagnostic(`a message that waits costs ${Math.round((waiting - before) / COUNT)} bytes with its text`);

  // The backlog of a driver that reads more slowly than it comes, and for longer than a heartbeat takes.
  const driver = await connect();
  driver.socket.removeAllListeners('pickup');
  let heard = 0;
  let most = waiting;
  driver.socket.on('pickup', ({ messageId }) => {
    assert.equal(messageId, `order-${heard}`);
    heard += 1;
    if (heard % 1_000 !== 0 || heard === COUNT) return;
    most = Math.max(most, memory());
    driver.pause();
    setTimeout(() => driver.resume(), 30);
  });
  const started = Date.now();
  const answer = await new Promise((done) => {
    driver.socket.on('disconnect', (reason) => done(reason));
    driver.socket.emit('getAll', { event: 'pickup' }, done);
  });
  ok(answer, { count: COUNT, remaining: 0 });
  assert.equal(heard, COUNT);
  assert.equal(driver.losses, 0);
  const seconds = (Date.now() - started) / 1_000;
  assert.ok(seconds > 25, `a heartbeat was on the way: ${seconds} s`);
  t.diagnostic(`replayed in ${seconds} s, with ${Math.round((most - waiting) / MEBIBYTE)} MiB more`);
  assert.ok(most - waiting < 64 * MEBIBYTE, `${most - waiting} bytes more for the replay`);
});
