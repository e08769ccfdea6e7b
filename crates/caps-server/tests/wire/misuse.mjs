// Whoever misuses Socket.IO, Engine.IO, WebSockets or HTTP is answered or cut off, and that is all that comes of it: the
// hub goes on, with the memory that it had, and who was connected all along notices nothing.

import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { connect, message, ok, order, refused, store, until } from './client.mjs';
import { Line, RawSocket, answers, frame, hangUp, memory } from './raw.mjs';

const MIB = 1024 * 1024;

/** How much more memory the hub may have after one misuse of it. */
const GROWTH = 32 * MIB;

/** Another address of this machine, whose connections are counted by themselves. */
const ELSEWHERE = process.platform === 'linux' ? '127.0.0.9' : undefined;

afterEach(hangUp);

/** A misuse, while an honest vendor and an honest driver are connected. */
function misuse(what, harm) {
  test(what, async () => {
    const shop = store();
    const [vendor, driver] = [await connect(), await connect()];
    ok(await driver.ask('subscribe', { clientId: shop, event: 'pickup' }));
    const before = memory();
    await harm(shop);
    const honest = order(shop, 'honest');
    ok(await vendor.ask('pickup', honest), { messageId: 'honest' });
    assert.deepEqual(await driver.next('pickup'), message('pickup', honest));
    assert.equal(vendor.losses + driver.losses, 0);
    const grown = memory() - before;
    assert.ok(grown < GROWTH, `${(grown / MIB).toFixed(1)} MiB more`);
  });
}

/** The line still takes events. */
async function goesOn(socket) {
  const event = JSON.stringify(['pickup', order(store('elsewhere'), 'goes on')]);
  ok(await socket.ask(4711, event), { messageId: 'goes on' });
}

// Packets out of order

misuse('an event before the connection to the namespace costs the line', async (shop) => {
  const socket = await RawSocket.open();
  socket.text(`42/caps,1${JSON.stringify(['pickup', order(shop, 'early')])}`);
  await socket.end();
});

misuse('acknowledgements that nobody has asked for are passed over', async (shop) => {
  const socket = await RawSocket.connected();
  for (let id = 0; id < 1000; id += 1) socket.text(`43/caps,${id}[{"status":"ok"}]`);
  await goesOn(socket);
});

misuse('who connects to the namespace ten thousand times is connected once', async (shop) => {
  const socket = await RawSocket.connected();
  for (let i = 0; i < 10_000; i += 1) socket.text('40/caps,');
  await goesOn(socket);
  assert.equal(socket.line.heard.toString().match(/40\/caps,/g).length, 1);
});

misuse('who has said goodbye and goes on is not heard', async (shop) => {
  const socket = await RawSocket.connected();
  socket.text('41/caps,').text(`42/caps,1${JSON.stringify(['pickup', order(shop, 'late')])}`);
  await socket.end();
  assert.ok(!socket.line.heard.includes('43/caps'));
});

// Frames

misuse('a frame over the bound costs the line', async () => {
  const socket = await RawSocket.connected();
  await socket.line.push(frame('4', { claims: 64 * MIB }));
  await socket.end();
});

misuse('a frame that claims 2^63 bytes costs the line', async () => {
  const socket = await RawSocket.connected();
  await socket.line.push(frame('4', { claims: 2n ** 63n }));
  await socket.end();
});

misuse('frames without an end cost the line', async () => {
  const socket = await RawSocket.connected();
  const part = frame(Buffer.alloc(MIB, 'x'), { fin: false });
  const more = frame(Buffer.alloc(MIB, 'x'), { fin: false, opcode: 0 });
  let pushed = await socket.line.push(part);
  for (let i = 0; i < 64 && pushed; i += 1) pushed = await socket.line.push(more);
  await socket.end();
});

misuse('text that is no UTF-8 costs the line', async () => {
  const socket = await RawSocket.connected();
  socket.line.say(frame(Buffer.from([0x34, 0x32, 0xff, 0xfe, 0xc0])));
  await socket.end();
});

misuse('frames of no known kind cost the line', async () => {
  for (const opcode of [3, 7, 11, 15]) {
    const socket = await RawSocket.connected();
    socket.line.say(frame('4', { opcode }));
    await socket.end();
  }
});

misuse('packets of no known kind cost the line', async () => {
  for (const packet of ['', '7', 'x', '4', '47', '4x', '42', '42/caps', '42/caps,', '43/caps,[]', '45', '6']) {
    const socket = await RawSocket.connected();
    socket.text(packet);
    await socket.end();
  }
});

misuse('what is not JSON costs the line', async () => {
  const broken = ['["pickup",{]', '["pickup",', '["pickup" {}]', '["pickup",nul]', '[', '{}', '[]', '["pick'];
  for (const text of broken) {
    const socket = await RawSocket.connected();
    socket.text(`42/caps,1${text}`);
    await socket.end();
  }
});

misuse('JSON of ten thousand levels is answered', async (shop) => {
  const socket = await RawSocket.connected();
  const [deep, end] = ['['.repeat(10_000), ']'.repeat(10_000)];
  for (const event of ['pickup', 'join', 'received', 'getAll', 'nonsense']) {
    refused(await socket.ask(1, `["${event}",${deep}${end}]`), 'invalid_payload', 'unknown_event');
  }
  const nested = `{"store":"${shop}","orderId":"deep","x":${deep}${end}}`;
  refused(await socket.ask(2, `["pickup",${nested}]`), 'invalid_payload');
  const auth = await RawSocket.open();
  auth.text(`40/caps,{"role":"vendor","clientId":${deep}${end}}`);
  await auth.next('44/caps,');
  await goesOn(socket);
});

// Namespaces and names

misuse('another namespace is refused, and what is said there is not heard', async (shop) => {
  const socket = await RawSocket.connected();
  socket.text('40/nowhere,');
  assert.match(await socket.next('44/nowhere,'), /Invalid namespace/);
  socket.text(`42/nowhere,1${JSON.stringify(['pickup', order(shop, 'nowhere')])}`);
  await goesOn(socket);
  assert.ok(!socket.line.heard.includes('43/nowhere'));
});

misuse('ten thousand namespaces on one socket are refused', async (shop) => {
  const socket = await RawSocket.connected();
  for (let i = 0; i < 10_000; i += 1) {
    socket.text(`40/namespace-${i},`);
    if (i % 100 === 99) await socket.next(`44/namespace-${i},`);
  }
  await goesOn(socket);
});

misuse('who asks for namespaces with names of a megabyte and reads no answer is cut off', async () => {
  const socket = await RawSocket.connected({ from: ELSEWHERE });
  socket.line.socket.pause();
  const name = 'x'.repeat(MIB - 100);
  let pushed = true;
  for (let i = 0; i < 200 && pushed; i += 1) {
    pushed = await socket.line.push(frame(`40/${i}${name},`));
  }
  assert.ok(!pushed || socket.line.isClosed, 'it was heard for 200 MiB');
});

misuse('ten thousand unknown events are answered each', async (shop) => {
  const socket = await RawSocket.connected();
  for (let i = 0; i < 10_000; i += 1) {
    socket.text(`42/caps,${i}["event-${i}"]`);
    if (i % 500 === 499) {
      assert.match(await socket.next(`43/caps,${i}[`), /"code":"unknown_event"/);
    }
  }
  const answered = socket.line.heard.toString().match(/"code":"unknown_event"/g).length;
  assert.equal(answered, 10_000);
  await goesOn(socket);
});

// Attachments

misuse('attachments that never come cost the line when something else comes', async () => {
  const socket = await RawSocket.connected();
  socket.text('451-/caps,1["pickup",{"_placeholder":true,"num":0}]');
  socket.text('42/caps,2["getAll"]');
  await socket.end();
});

misuse('absurd numbers of attachments cost the line', async () => {
  for (const count of ['99999999999999999999', '18446744073709551615', '4294967296', '-', '']) {
    const socket = await RawSocket.connected();
    socket.text(`45${count}-/caps,1["pickup",{"_placeholder":true,"num":0}]`);
    await socket.end();
  }
});

misuse('attachments without an end cost the line', async () => {
  const socket = await RawSocket.connected({ from: ELSEWHERE });
  socket.text('459999-/caps,1["pickup",{"_placeholder":true,"num":0}]');
  let pushed = true;
  for (let i = 0; i < 100 && pushed; i += 1) {
    pushed = await socket.line.push(frame(Buffer.alloc(MIB), { opcode: 2 }));
  }
  assert.ok(!pushed || socket.line.isClosed, 'it was heard for 100 MiB');
});

// Long polling

const URL = process.env.CAPS_URL ?? 'http://localhost:3001';
const SESSION = '/socket.io/?EIO=4&transport=polling';

async function opened() {
  const text = await (await fetch(`${URL}${SESSION}`)).text();
  return `${SESSION}&sid=${JSON.parse(text.slice(1)).sid}`;
}

const post = async (session, body) => (await fetch(`${URL}${session}`, { method: 'POST', body })).status;
const poll = async (session) => {
  const response = await fetch(`${URL}${session}`);
  return { status: response.status, text: await response.text() };
};

async function polling() {
  const session = await opened();
  assert.equal(await post(session, '40/caps,'), 200);
  await until('an answer', () => poll(session), ({ text }) => text.includes('40/caps,'));
  return session;
}

misuse('two polls at the same time cost the session', async () => {
  const session = await polling();
  const polls = await Promise.all([poll(session), poll(session)]);
  assert.ok(polls.some(({ status }) => status === 400), JSON.stringify(polls));
  assert.equal((await poll(session)).status, 400);
});

misuse('what is posted to a session that is not there is refused', async () => {
  for (const sid of ['AAAAAAAAAAAAAAAA', 'nonsense', '', '%00', 'x'.repeat(5000)]) {
    assert.equal(await post(`${SESSION}&sid=${sid}`, '40/caps,'), 400);
    assert.equal((await poll(`${SESSION}&sid=${sid}`)).status, 400);
  }
  assert.equal(await post(SESSION, '40/caps,'), 400);
});

misuse('a post that is too large costs the session', async () => {
  const session = await polling();
  assert.equal(await post(session, `4${'x'.repeat(5 * MIB)}`), 413);
  assert.equal((await poll(session)).status, 400);
});

misuse('no more is taken in a session when much has come to no event', async () => {
  const session = await polling();
  for (let i = 0; i < 2; i += 1) {
    assert.equal(await post(session, `40/${'x'.repeat(3 * MIB)},`), 200);
  }
  assert.equal(await post(session, '42/caps,["join","acme"]'), 400);
  assert.equal(await post(await opened(), `40/${'x'.repeat(MIB)},`), 400);
});

misuse('packets that are not separated as they should be are refused', async () => {
  for (const body of ['\u001e', '\u001e\u001e\u001e', '4\u001e', '40/caps,\u001e\u001e40/caps,', '1:4', 'b', 'bAAAA']) {
    const session = await polling();
    const status = await post(session, body);
    assert.ok([200, 400].includes(status), `${JSON.stringify(body)}: ${status}`);
  }
});

misuse('an upgrade that is begun and given up ends in the end of its session at worst', async () => {
  const session = await polling();
  const socket = await RawSocket.open({ sid: session.split('sid=')[1] });
  socket.text('2probe');
  await socket.next('3probe');
  socket.line.socket.destroy();
  const sent = `42/caps,1${JSON.stringify(['pickup', order(store('elsewhere'), 'upgraded')])}`;
  assert.ok([200, 400].includes(await post(session, sent)));
});

misuse('nonsense in the place of an upgrade ends it', async () => {
  for (const said of ['2', '3probe', '5', '42/caps,["join"]', 'x'.repeat(MIB)]) {
    const session = await polling();
    const socket = await RawSocket.open({ sid: session.split('sid=')[1] });
    socket.text(said);
    await socket.end();
  }
});

misuse('one connection opens no more sessions than its address may have', async () => {
  const line = await Line.open(ELSEWHERE);
  const request = `GET ${SESSION} HTTP/1.1\r\nHost: hub\r\n\r\n`;
  const heads = () => line.heard.toString().match(/HTTP\/1.1 \d+/g) ?? [];
  for (let i = 1; i <= 30; i += 1) {
    line.say(request.repeat(100));
    await line.until(`${i * 100} answers`, () => heads().length >= i * 100);
  }
  const taken = heads().filter((head) => head.endsWith('200')).length;
  assert.ok(taken <= 1000 && heads().filter((head) => head.endsWith('429')).length >= 2000, `${taken} sessions`);
});

// Clients of the 2.x line, and of none

misuse('a version of Engine.IO that does not exist is refused', async () => {
  for (const version of ['0', '1', '2', '5', '-4', '4.0', 'x', '', '99999999999']) {
    for (const transport of ['polling', 'websocket', 'carrier-pigeon', '']) {
      const { status } = await fetch(`${URL}/socket.io/?EIO=${version}&transport=${transport}`);
      assert.equal(status, 400, `${version} by ${transport}`);
    }
  }
  assert.equal((await fetch(`${URL}/socket.io/`)).status, 400);
});

misuse('an event of a 2.x client before the connection to the namespace costs the line', async (shop) => {
  const socket = await RawSocket.open({ eio: 3 });
  socket.text(`42/caps,1${JSON.stringify(['pickup', order(shop, 'early')])}`);
  await socket.end();
});

misuse('lengths of packets that cannot be are refused', async () => {
  const open = '/socket.io/?EIO=3&transport=polling';
  for (const body of ['99999999999:40', '-1:4', ':4', '0:', 'x:4', '3:4', '2:4é0', '1', '18446744073709551616:4']) {
    const text = await (await fetch(`${URL}${open}`)).text();
    const { sid } = JSON.parse(text.slice(text.indexOf('{'), text.indexOf('}') + 1));
    const status = await post(`${open}&sid=${sid}`, body);
    assert.ok([200, 400].includes(status), `${JSON.stringify(body)}: ${status}`);
  }
});

// HTTP

const GET = 'GET /healthz HTTP/1.1\r\n';
const HOST = 'Host: hub\r\nConnection: close\r\n';
const INNER = 'GET /readyz HTTP/1.1\r\nHost: hub\r\n\r\n';

misuse('a head that is too large is refused', async () => {
  assert.match(await answers(`${GET}${HOST}X: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431 /);
  assert.match(await answers(`${GET}${HOST}${'X: x\r\n'.repeat(500)}\r\n`), /^HTTP\/1.1 431 /);
  assert.match(await answers(`GET /${'x'.repeat(70_000)} HTTP/1.1\r\n${HOST}\r\n`), /^HTTP\/1.1 4(14|31) /);
});

misuse('what is no HTTP is refused', async () => {
  for (const said of ['\0\0\0\0\r\n\r\n', 'hello\r\n\r\n', 'GET\r\n\r\n', `GET / HTTP/9.9\r\n${HOST}\r\n`]) {
    assert.match(await answers(said), /^(HTTP\/1.1 400 .*)?/s);
  }
  assert.match(await answers(`${GET}Host : hub\r\n\r\n`), /^HTTP\/1.1 400 /);
  assert.match(await answers(`${GET}${HOST}X: a\r\n folded\r\n\r\n`), /^HTTP\/1.1 400 /);
  assert.match(await answers(`${GET}${HOST}X: \0\r\n\r\n`), /^HTTP\/1.1 400 /);
});

misuse('no request is smuggled in the body of another', async () => {
  for (const lengths of [
    'Content-Length: 0\r\nTransfer-Encoding: chunked\r\n',
    'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n',
    'Content-Length: 3\r\nContent-Length: 4\r\n',
    'Content-Length: -1\r\n',
    'Content-Length: +4\r\n',
    'Content-Length: 0x4\r\n',
    'Content-Length: 99999999999999999999\r\n',
    'Transfer-Encoding: xchunked\r\n',
    'Transfer-Encoding: chunked, identity\r\n',
  ]) {
    const text = await answers(`POST /api/orders HTTP/1.1\r\n${HOST}${lengths}\r\n0\r\n\r\n${INNER}`);
    const heads = text.match(/HTTP\/1.1 \d+/g) ?? [];
    assert.ok(heads.length <= 1 && !heads.includes('HTTP/1.1 200'), `${lengths} ${text}`);
  }
});

misuse('a chunk that claims to be huge costs the line', async () => {
  const head = `POST /api/orders HTTP/1.1\r\n${HOST}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n`;
  const line = await Line.open();
  line.say(`${head}\r\nffffffffffffffff\r\nxxxx`);
  for (const size of ['fffffffffffffffff', '-1', 'x']) {
    assert.match(await answers(`${head}\r\n${size}\r\n`.padEnd(1000, 'x')), /^(HTTP\/1.1 4\d\d .*)?$/s);
  }
});
