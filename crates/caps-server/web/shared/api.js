// Asks the hub.

/** How long to wait for an answer before the line counts as lost, in milliseconds. */
const PATIENCE = 10_000;

/** The hub says something every 15 s on a line of events. */
const SILENCE = 40_000;

/** The hub has refused, in a sentence that says the mend. */
export class Problem extends Error {
  constructor(status, { title, detail, code, temporary } = {}) {
    super(detail ?? title ?? `The hub answered ${status}.`);
    this.code = code;
    this.temporary = temporary ?? status >= 500;
  }
}

/** There was no answer. */
export class Unreachable extends Error {}

/** Whether it is the hub or the line that has failed, and not the page. */
export const isOutside = (why) => why instanceof Problem || why instanceof Unreachable;

/** What is at `path`; of the parameters those that are not empty. */
export async function get(path, parameters = {}, { signal } = {}) {
  return JSON.parse(await getText(path, parameters, { signal }));
}

/** The same as text, for whom JSON.parse would change too much. */
export async function getText(path, parameters, { signal } = {}) {
  return text(await answer(addressOf(path, parameters), { signal: soon(signal) }));
}

export async function post(path, body) {
  const headers = { 'content-type': 'application/json' };
  const request = { method: 'POST', headers, body: JSON.stringify(body), signal: soon() };
  return JSON.parse(await text(await answer(path, request)));
}

export const remove = (path) => answer(path, { method: 'DELETE', signal: soon() });

/** Calls `heard(entry)` with each Server-Sent Event of `path`, and `opened()` before the first. Ends only by throwing. */
export async function hear(path, parameters, { signal, opened, heard }) {
  // Not an EventSource, which does not notice when a line has gone silent, and does not tell why it was refused.
  const silent = new AbortController();
  let silence;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => silent.abort(), SILENCE);
  };
  try {
    listen();
    const either = AbortSignal.any([signal, silent.signal]);
    const { body } = await answer(addressOf(path, parameters), { signal: either });
    opened();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    for (let part; !(part = await next(reader)).done;) {
      listen();
      const blocks = (rest + part.value).split('\n\n');
      rest = blocks.pop();
      for (const block of blocks) {
        const data = block.split('\n').find((line) => line.startsWith('data: '));
        if (data) heard(JSON.parse(data.slice('data: '.length)));
      }
    }
  } finally {
    clearTimeout(silence);
  }
  throw unreachable();
}

async function next(reader) {
  try {
    return await reader.read();
  } catch (why) {
    throw unreachable(why);
  }
}

/** Where an order stands. */
export const orderPath = (clientId, messageId) =>
  `/api/orders/${encodeURIComponent(clientId)}/${encodeURIComponent(messageId)}`;

function addressOf(path, parameters = {}) {
  const asked = Object.entries(parameters).filter(([, value]) => value != null && value !== '');
  return asked.length ? `${path}?${new URLSearchParams(asked)}` : path;
}

const soon = (signal) =>
  AbortSignal.any([AbortSignal.timeout(PATIENCE), ...(signal ? [signal] : [])]);

const unreachable = (cause) => new Unreachable('There is no line to the hub.', { cause });

async function answer(address, { signal, ...request }) {
  let response;
  try {
    response = await fetch(address, { ...request, signal });
  } catch (why) {
    throw unreachable(why);
  }
  if (response.ok) return response;
  throw new Problem(response.status, details(await text(response)));
}

async function text(response) {
  try {
    return await response.text();
  } catch (why) {
    throw unreachable(why);
  }
}

/** A proxy in between may answer with something else. */
function details(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}
