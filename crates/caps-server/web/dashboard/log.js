// The log: everything that has happened, the latest first.

import { get } from '../shared/api.js';
import { h } from '../shared/dom.js';
import { EVENTS, plain, showMoment } from '../shared/text.js';

/** How many events are read at once. */
const PART = 200;

export const HEADINGS = ['Event', 'Order', 'Customer', 'By', 'Time'];

/** The log as a source of a list: what `shown` asks for of it, each with a link to `href(entry)`. */
export function log(shown, href) {
  let list;
  const rowOf = (entry) => ({ ...entry, key: entry.seq });

  return {
    attach: (to) => (list = to),

    async fetch(after, signal) {
      const { vendor, event, q } = shown;
      const asked = { clientId: vendor, event, messageId: q, after, limit: PART, sort: 'newest' };
      const { events, next } = await get('/api/log', asked, { signal });
      return { rows: events.map(rowOf), next };
    },

    heard(entry) {
      const { event, q } = shown;
      if ((!event || entry.event === event) && (!q || entry.messageId === q))
        list.put(rowOf(entry));
    },

    make() {
      const cell = (name, ...children) => h('td', { role: 'cell', class: name }, ...children);
      return h(
        'tr',
        { role: 'row' },
        cell('event', h('span', { class: 'badge' })),
        cell('order', h('a'), h('bdi', { class: 'vendor' })),
        cell('customer', h('bdi')),
        cell('by', h('bdi')),
        cell('time', h('time')),
      );
    },

    fill(element, row) {
      const [[badge], [link, vendor], [customer], [by], [time]] = [...element.children].map(
        (cell) => cell.children,
      );
      badge.textContent = sayEvent(row);
      badge.dataset.state = row.event;
      link.href = href(row);
      link.textContent = row.messageId;
      link.title = row.messageId;
      vendor.textContent = shown.vendor ? '' : row.clientId;
      customer.textContent = plain(row.payload?.customer);
      by.textContent = row.by ?? '';
      showMoment(time, row.time);
    },
  };
}

/** `Received: delivered`, `Refused: in-transit`. */
export function sayEvent({ event, of }) {
  return of ? `${EVENTS[event]}: ${of}` : EVENTS[event];
}
