// The list of orders, newest first, each as far as it has come.

import { get, isOutside, orderPath } from '../shared/api.js';
import { h } from '../shared/dom.js';
import { become, keyOf } from '../shared/lives.js';
import { plain, showMoment, STATES } from '../shared/text.js';

/** How many orders are read at once. */
const PART = 100;

/** So many orders that enter the list from somewhere are looked up one by one; of more, the list is read anew. */
const MOST_UNKNOWN = 50;

export const HEADINGS = [
  'State, driver',
  'Order, vendor',
  'Customer, address',
  'Placed',
  'Delivered',
];

/** Orders as a source of a list: those that `shown` asks for, each with a link to `href(order)`. */
export function orders(shown, href) {
  let list;
  const unknown = new Map();
  let isLooking = false;
  const wanted = shown.q.toLowerCase();

  /** An order is known by its id, and by its number once another has taken the id. */
  function rowsOf(orders) {
    const ids = new Set();
    return orders.map((order) => {
      const id = keyOf(order);
      const isPast = ids.has(id) || list.get(id)?.seq > order.seq;
      ids.add(id);
      return { ...order, key: isPast ? `${id} ${order.seq}` : id };
    });
  }

  /** The same that the hub looks for. */
  function matches({ state, messageId, order }) {
    if (shown.states.size && !shown.states.has(state)) return false;
    return !wanted || messageId.toLowerCase().includes(wanted) || hasWanted(order);
  }

  const hasWanted = (value) =>
    value !== null && typeof value === 'object'
      ? Object.values(value).some(hasWanted)
      : String(value ?? '')
          .toLowerCase()
          .includes(wanted);

  function makePast(row) {
    list.take(row.key);
    list.put({ ...row, key: `${row.key} ${row.seq}` });
  }

  function place(row) {
    if (matches(row)) list.put(row);
    else list.take(row.key);
  }

  /** Whether an order that is not in the list may now belong there. Most are further down, where nobody has read yet. */
  function mayEnter({ payload }, { state }) {
    if (shown.states.size ? !shown.states.has(state) : !list.isWhole) return false;
    return !payload || !wanted || hasWanted(payload);
  }

  async function lookUp() {
    isLooking = true;
    for (let entry; (entry = unknown.values().next().value);) {
      // First, because it may come again meanwhile.
      unknown.delete(keyOf(entry));
      try {
        const order = await get(orderPath(entry.clientId, entry.messageId));
        const placed =
          order.timeline.findLast(({ event }) => event === 'pickup') ?? order.timeline[0];
        const delivered = order.timeline.findLast(({ event }) => event === 'delivered');
        const { seq, time: placedAt } = placed;
        const row = { ...order, key: keyOf(order), seq, placedAt, deliveredAt: delivered?.time };
        if (list.covers(seq)) place(row);
      } catch (why) {
        // It is read with all the rest.
        list.refresh();
        if (!isOutside(why)) reportError(why);
      }
    }
    isLooking = false;
  }

  return {
    attach: (to) => (list = to),

    async fetch(after, signal) {
      const { vendor, states, q } = shown;
      const state = [...states].join(',');
      const page = await get(
        '/api/orders',
        { clientId: vendor, state, q, after, limit: PART },
        { signal },
      );
      return { rows: rowsOf(page.orders), next: page.next };
    },

    heard(entry) {
      const becomes = become(entry);
      if (!becomes) return;
      const key = keyOf(entry);
      const row = list.get(key);
      if (entry.event === 'pickup') {
        const { clientId, messageId, seq, time, payload } = entry;
        if (row && row.seq !== entry.seq) makePast(row);
        place({ key, clientId, messageId, seq, placedAt: time, order: payload, ...becomes });
      } else if (row) {
        place({ ...row, ...becomes });
      } else if (!mayEnter(entry, becomes)) {
        return;
      } else if (unknown.size < MOST_UNKNOWN) {
        unknown.set(key, entry);
        if (!isLooking) lookUp();
      } else {
        unknown.clear();
        list.refresh();
      }
    },

    make() {
      const cell = (name, ...children) => h('td', { role: 'cell', class: name }, ...children);
      return h(
        'tr',
        { role: 'row' },
        cell('state', h('span', { class: 'badge' }), h('bdi', { class: 'driver' })),
        cell('order', h('a'), h('bdi', { class: 'vendor' })),
        cell('customer', h('bdi'), h('bdi', { class: 'address' })),
        cell('placed', h('time')),
        cell('delivered', h('time')),
      );
    },

    fill(element, row) {
      const [[badge, driver], [link, vendor], [customer, address], [placed], [delivered]] = [
        ...element.children,
      ].map((cell) => cell.children);
      badge.textContent = STATES[row.state];
      badge.dataset.state = row.state;
      driver.textContent = row.holder ?? '';
      link.href = href(row);
      say(link, row.messageId);
      vendor.textContent = shown.vendor ? '' : row.clientId;
      say(customer, plain(row.order?.customer));
      say(address, plain(row.order?.address));
      showMoment(placed, row.placedAt);
      showMoment(delivered, row.deliveredAt);
    },
  };
}

function say(element, text) {
  element.textContent = text;
  element.title = text;
}
