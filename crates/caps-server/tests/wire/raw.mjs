// Lines on which anything can be said: bytes over TCP, and WebSocket frames that no library would write.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { inspect } from 'node:util';
import { BOUND, within } from './client.mjs';

const { hostname, port } = new URL(process.env.CAPS_URL ?? 'http://localhost:3001');

const open = new Set();

/** Ends every line that is still open. */
export function hangUp() {
  for (const line of open) line.socket.destroy();
  open.clear();
}

/** A TCP connection, and all that the hub has said on it. */
export class Line {
  heard = Buffer.alloc(0);
  #told = () => {};

  /** From an address of this machine, where it has several. */
  static async open(localAddress) {
    const line = new Line(net.connect({ host: hostname, port, localAddress, noDelay: true }));
    open.add(line);
    await within(once(line.socket, 'connect'), 'a connection');
    return line;
  }

  constructor(socket) {
    this.socket = socket;
    this.isClosed = false;
    socket.on('data', (data) => {
      this.heard = Buffer.concat([this.heard, data]);
      this.#told();
    });
    // A hub that cuts a line off may do so in the middle of what is said.
    socket.on('error', () => {});
    socket.on('close', () => {
      this.isClosed = true;
      this.#told();
    });
  }

  say(bytes) {
    this.socket.write(bytes);
    return this;
  }

  /** Says it as soon as the line takes it. `false` when it is closed. */
  async push(bytes) {
    if (this.isClosed) return false;
    if (!this.socket.write(bytes)) {
      const taken = new Promise((done) => {
        for (const event of ['drain', 'close']) this.socket.once(event, done);
      });
      await within(taken, 'the line to take it');
    }
    return !this.isClosed;
  }

  async until(what, isSo) {
    const end = Date.now() + BOUND;
    while (!isSo(this)) {
      assert.ok(!this.isClosed, `the line was closed before ${what}, after ${inspect(this.heard.toString().slice(-500))}`);
      const told = new Promise((done) => (this.#told = done));
      await within(told, what, end - Date.now());
    }
  }

  /** All that the hub has said, once it has closed the line. */
  async end() {
    while (!this.isClosed) {
      const told = new Promise((done) => (this.#told = done));
      await within(told, 'the end of the line');
    }
    return this.heard.toString();
  }
}

/** What the hub answers to bytes, until it closes the line. */
export async function answers(bytes, localAddress) {
  const line = await Line.open(localAddress);
  line.say(bytes);
  return line.end();
}

/** A WebSocket frame; `claims` is the length that it says it has. */
export function frame(payload, { opcode = 1, fin = true, claims } = {}) {
  const bytes = Buffer.from(payload);
  const length = BigInt(claims ?? bytes.length);
  let head;
  if (length < 126n) {
    head = Buffer.from([0, Number(length)]);
  } else if (length < 65_536n) {
    head = Buffer.alloc(4);
    head[1] = 126;
    head.writeUInt16BE(Number(length), 2);
  } else {
    head = Buffer.alloc(10);
    head[1] = 127;
    head.writeBigUInt64BE(length, 2);
  }
  head[0] = (fin ? 0x80 : 0) | opcode;
  head[1] |= 0x80;
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([head, Buffer.alloc(4), bytes]);
}

/** A WebSocket by hand. */
export class RawSocket {
  #read = 0;

  constructor(line) {
    this.line = line;
  }

  static async open({ eio = 4, sid, from } = {}) {
    const line = await Line.open(from);
    const session = sid ? `&sid=${sid}` : '';
    line.say(
      `GET /socket.io/?EIO=${eio}&transport=websocket${session} HTTP/1.1\r\nHost: hub\r\n` +
        'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n' +
        `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    );
    await line.until('the head of an answer', () => line.heard.includes('\r\n\r\n'));
    assert.match(line.heard.toString(), /^HTTP\/1.1 101 /);
    const socket = new RawSocket(line);
    socket.#read = line.heard.indexOf('\r\n\r\n') + 4;
    return socket;
  }

  /** One that is connected to the hub's namespace. */
  static async connected(options) {
    const socket = await RawSocket.open(options);
    socket.text('40/caps,');
    await socket.next('40/caps,');
    return socket;
  }

  text(packet) {
    this.line.say(frame(packet));
    return this;
  }

  /** The next packet that starts so. */
  async next(start) {
    let packet;
    await this.line.until(`a packet that starts with ${start}`, () => {
      do {
        packet = this.#packet();
        if (packet === '2') this.text('3');
      } while (packet !== undefined && !packet.startsWith(start));
      return packet !== undefined;
    });
    return packet;
  }

  #packet() {
    const { heard } = this.line;
    const at = this.#read;
    if (heard.length < at + 2) return undefined;
    let [length, begin] = [heard[at + 1], at + 2];
    if (length === 126) {
      if (heard.length < at + 4) return undefined;
      [length, begin] = [heard.readUInt16BE(at + 2), at + 4];
    } else if (length === 127) {
      if (heard.length < at + 10) return undefined;
      [length, begin] = [Number(heard.readBigUInt64BE(at + 2)), at + 10];
    }
    if (heard.length < begin + length) return undefined;
    this.#read = begin + length;
    return heard.toString('utf8', begin, begin + length);
  }

  /** Asks for an acknowledgement of an event that is given as JSON text; the answer. */
  async ask(id, event) {
    this.text(`42/caps,${id}${event}`);
    const packet = await this.next(`43/caps,${id}[`);
    return JSON.parse(packet.slice(packet.indexOf('[')))[0];
  }

  end() {
    return this.line.end();
  }
}

/** The memory that the hub has resident, in bytes, where the system tells. */
export function memory() {
  try {
    const status = readFileSync(`/proc/${process.env.CAPS_HUB}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)[1]) * 1024;
  } catch {
    return 0;
  }
}
