// The lists of the page: what is to be taken, what this driver has, what others have, and what is not sent yet.

import { get } from '../shared/api.js';
import { h, the, throttled } from '../shared/dom.js';
import { become, keyOf } from '../shared/lives.js';
import { moment, number, plain, span } from '../shared/text.js';

/** How many orders are shown of what may be many. */
const PART = 30;

/** So many answers are asked for at most to find them. */
const MOST_PARTS = 3;

/** So many orders are known at once; beyond them, all is read anew. */
const MOST = 5000;

/** The orders that are under way, as far as they are shown: read once, and then as events tell. */
export class Lists {
  #driver;
  #vendor;
  #act;
  #anew;
  #known = new Map();
  #part = PART;
  /** Whether there is more than was read, of what is to be taken and of what others have. */
  #more = { ready: false, taken: false };
  /** What has happened since the lists that are on their way were asked for. */
  #missed = null;

  /**
   * Those of this driver, and what is to be taken of this vendor or of all. `act(name, order)` is called for what is
   * touched, and `anew()` when the lists are to be read again.
   */
  constructor({ driver, vendor, act, anew }) {
    this.#driver = driver;
    this.#vendor = vendor;
    this.#act = act;
    this.#anew = throttled(2000, anew);
  }

  async read() {
    const missed = [];
    this.#missed = missed;
    const mine = `/api/drivers/${encodeURIComponent(this.#driver)}/orders`;
    const [held, ready, taken] = await Promise.all([
      get(mine),
      this.#some('ready'),
      this.#some('claimed,in-transit'),
    ]);
    // Another reading has begun meanwhile.
    if (this.#missed !== missed) return;
    this.#missed = null;
    this.#more = { ready: ready.next !== null, taken: taken.next !== null };
    const orders = [...held.orders, ...ready.orders, ...taken.orders];
    this.#known = new Map(orders.map((order) => [keyOf(order), order]));
    for (const entry of missed) this.heard(entry);
    this.#draw();
  }

  readMore() {
    this.#part += PART;
    return this.read();
  }

  heard(entry) {
    this.#missed?.push(entry);
    const becomes = become(entry);
    if (!becomes) return;
    const key = keyOf(entry);
    const { clientId, messageId, seq, payload } = entry;
    const order = this.#known.get(key) ?? (payload && { clientId, messageId, seq, order: payload });
    if (becomes.state === 'delivered') this.#known.delete(key);
    else if (order && this.#known.size < MOST) this.#known.set(key, { ...order, ...becomes });
    else return this.#anew();
    this.#soon();
  }

  #soon = throttled(100, () => this.#draw());

  /** The newest orders in these states. Of what is rare the hub tells a little at a time. */
  async #some(state) {
    const found = [];
    for (let next = null, parts = 0; ; parts += 1) {
      const page = await get('/api/orders', {
        clientId: this.#vendor,
        state,
        after: next,
        limit: this.#part,
      });
      found.push(...page.orders);
      next = page.next;
      if (next === null || found.length >= this.#part || parts === MOST_PARTS) {
        return { orders: found, next };
      }
    }
  }

  #draw() {
    const known = [...this.#known.values()].sort((a, b) => b.seq - a.seq);
    const free = known.filter(({ holder }) => !holder);
    const mine = known.filter(({ holder }) => holder === this.#driver);
    const others = known.filter(({ holder }) => holder && holder !== this.#driver);
    const part = this.#part;
    const card = (buttons) => (order) => orderCard(order, this.#act, buttons);
    fill('mine', mine, mine.length, false, card({ Delivered: 'deliver', 'Give back': 'release' }));
    fill('ready', free, part, this.#more.ready, card({ Take: 'take' }));
    fill('others', others, part, this.#more.taken, otherLine);
    the('ready-more').hidden = free.length <= part && !this.#more.ready;
  }
}

/** Shows so many of the orders, and how many there are. */
function fill(list, orders, most, isMore, make) {
  const focused = document.activeElement?.dataset.key;
  the(list).replaceChildren(...orders.slice(0, most).map(make));
  // The list may be drawn anew under somebody's finger or keyboard.
  if (focused) document.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  the(`${list}-count`).textContent = orders.length
    ? `${number(orders.length)}${isMore ? '+' : ''}`
    : '';
  the(`${list}-none`).hidden = orders.length > 0;
}

function otherLine({ clientId, messageId, holder, changedAt }) {
  return h(
    'li',
    { class: 'other' },
    name(messageId),
    h('bdi', { class: 'soft' }, clientId),
    h('strong', {}, h('bdi', {}, holder)),
    h('span', { class: 'soft' }, `for ${span(Date.now() - Date.parse(changedAt))}`),
  );
}

const name = (messageId) => h('code', { title: messageId }, messageId);

function orderCard(order, act, buttons) {
  const { clientId, messageId, state, order: text } = order;
  const button = ([label, does], i) =>
    h(
      'button',
      {
        type: 'button',
        class: i === 0 ? 'main' : '',
        'data-key': `${does} ${clientId}/${messageId}`,
        'aria-label': `${label}: ${messageId} of ${clientId}`,
        click: () => act(does, order),
      },
      label,
    );
  // What is claimed is not on the road yet.
  const offered = state === 'claimed' && buttons.Delivered ? { Take: 'take', ...buttons } : buttons;
  return h(
    'li',
    { class: 'order' },
    h('p', { class: 'who' }, h('bdi', {}, plain(text?.customer) || 'Customer not said')),
    h('p', {}, h('bdi', {}, plain(text?.address) || 'Address not said')),
    h('p', { class: 'soft which' }, name(messageId), h('bdi', {}, clientId)),
    h(
      'div',
      { class: 'buttons' },
      ...Object.entries(offered)
        .filter(([, does]) => state !== 'claimed' || does !== 'deliver')
        .map(button),
    ),
  );
}

const SAYS = { take: 'Take', deliver: 'Deliver', release: 'Give back' };

/** Shows what is not sent yet; `drop(number)` is called for what the driver strikes out. */
export function showOutbox(acts, drop) {
  the('outbox-part').hidden = acts.length === 0;
  const waiting = acts.filter(({ refused }) => !refused).length;
  the('outbox-count').textContent = waiting ? `${number(waiting)} waiting for the line` : '';
  const items = acts.map(({ number: key, act, code, at, refused }) =>
    h(
      'li',
      { class: refused ? 'act refused' : 'act' },
      h(
        'p',
        {},
        h('strong', {}, SAYS[act]),
        ' ',
        name(code),
        h('span', { class: 'soft' }, ` ${moment(at)}`),
      ),
      refused ? h('p', { class: 'problem' }, refused) : null,
      h(
        'button',
        {
          type: 'button',
          'aria-label': `Strike out: ${SAYS[act]} ${code}`,
          click: () => drop(key),
        },
        refused ? 'Understood' : 'Strike out',
      ),
    ),
  );
  the('outbox').replaceChildren(...items);
}
