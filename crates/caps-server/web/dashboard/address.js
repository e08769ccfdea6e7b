// What is shown stands in the page's address, so that it can be sent to somebody, and the back button works.

import { STATES, EVENTS } from '../shared/text.js';

/** `{vendor, view, states, event, q, order}`; `order` is `{clientId, messageId}` or null. */
export function read() {
  const asked = new URLSearchParams(location.search);
  const states = (asked.get('state') ?? '')
    .split(',')
    .filter((state) => Object.hasOwn(STATES, state));
  return {
    vendor: asked.get('vendor') ?? '',
    view: asked.get('view') === 'log' ? 'log' : 'orders',
    states: new Set(states),
    event: Object.hasOwn(EVENTS, asked.get('event')) ? asked.get('event') : '',
    q: asked.get('q') ?? '',
    order: orderIn(asked.get('order')),
  };
}

/** The address at which that is shown. */
export function addressOf({ vendor, view, states, event, q, order }) {
  const parts = [];
  const add = (name, value) => value && parts.push(`${name}=${value}`);
  add('vendor', encodeURIComponent(vendor));
  add('view', view === 'log' && view);
  add('state', [...states].join(','));
  add('event', event);
  add('q', encodeURIComponent(q));
  // Each half is encoded by itself first: an id may have a slash in it.
  add('order', order && [order.clientId, order.messageId].map(twice).join('/'));
  return parts.length ? `/?${parts.join('&')}` : '/';
}

const twice = (id) => encodeURIComponent(id.replace(/[%/]/g, encodeURIComponent));

function orderIn(text) {
  const cut = text?.indexOf('/') ?? -1;
  if (cut < 1 || cut === text.length - 1) return null;
  return { clientId: once(text.slice(0, cut)), messageId: once(text.slice(cut + 1)) };
}

/** Somebody may have typed it as it is. */
function once(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
