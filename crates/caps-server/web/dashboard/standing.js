// What waits in the queues, and who is connected and listens to what.

import { get } from '../shared/api.js';
import { h, the } from '../shared/dom.js';
import { count, number, span } from '../shared/text.js';

/** How many queues, and how many connections, are shown. */
const MOST = 12;

export async function showStanding(vendor, asksForTokens) {
  const [queues, listeners] = await Promise.all([
    get('/api/queues', { clientId: vendor }),
    get('/api/subscriptions', { clientId: vendor }),
  ]);
  showQueues(queues);
  showListeners(listeners, vendor, asksForTokens);
}

function showQueues({ total, queues }) {
  const waiting = queues.reduce((sum, { depth }) => sum + depth, 0);
  the('queues-summary').textContent = total
    ? `${number(waiting)} in ${count(total, 'queue')}`
    : 'nothing';
  const rows = queues
    .slice(0, MOST)
    .map(({ clientId, event, depth, oldestAgeMs }) =>
      h(
        'tr',
        {},
        h(
          'th',
          { scope: 'row' },
          h('bdi', {}, clientId),
          h('span', { class: 'soft' }, ` ${event}`),
        ),
        h('td', {}, number(depth)),
        h('td', {}, span(oldestAgeMs)),
      ),
    );
  the('queues').replaceChildren(...rows);
  the('queues-table').hidden = !total;
  the('queues-more').textContent = more(total);
  the('queues-none').hidden = total > 0;
}

function showListeners({ total, subscriptions }, vendor, asksForTokens) {
  const connections = new Map();
  for (const { connection, role, name, clientId, event } of subscriptions) {
    const known = connections.get(connection) ?? { role, name, heard: new Map() };
    const whose = clientId ?? 'every vendor';
    known.heard.set(whose, [...(known.heard.get(whose) ?? []), event]);
    connections.set(connection, known);
  }
  the('listeners-summary').textContent = connections.size ? number(connections.size) : 'nobody';
  const items = [...connections].slice(0, MOST).map(([connection, { role, name, heard }]) => {
    const hears = [...heard]
      .map(([whose, events]) => `${events.join(', ')} of ${whose}`)
      .join('; ');
    return h(
      'li',
      {},
      h('strong', {}, h('bdi', {}, name ?? connection)),
      h('span', { class: 'soft' }, ` ${role ?? 'no role'}`),
      h('br'),
      h('span', { class: 'soft' }, `hears ${hears}`),
    );
  });
  the('listeners').replaceChildren(...items);
  // The hub itself leaves out what comes after a thousand subscriptions.
  the('listeners-more').textContent =
    total > subscriptions.length ? 'and more' : more(connections.size);
  the('listeners-none').hidden = connections.size > 0;
  the('listeners-command').textContent =
    `cargo run -p vendor -- ${storeFor(vendor)} --url ${location.origin}` +
    (asksForTokens ? ' --token "$CAPS_TOKEN"' : '');
}

/** The store of a command that somebody may copy to a shell, which must not do what a crafted name says. */
export const storeFor = (vendor) => (/^\w[\w.-]*$/.test(vendor) ? vendor : 'acme-widgets');

const more = (total) => (total > MOST ? `and ${number(total - MOST)} more` : '');
