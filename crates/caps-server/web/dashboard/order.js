// One order: how far it has come, all that happened to it, its label, and what its vendor wrote.

import { getText, isOutside, orderPath } from '../shared/api.js';
import { h, the } from '../shared/dom.js';
import { indented, members } from '../shared/json.js';
import { plain, showMoment, STATES, wholeMoment } from '../shared/text.js';
import { sayEvent } from './log.js';

const sheet = the('order');
let shown = null;

/** Shows that order, or none. */
export async function showOrder(order) {
  const before = shown;
  shown = order;
  if (!order) return sheet.close();
  const isAnother = before?.clientId !== order.clientId || before?.messageId !== order.messageId;
  if (isAnother) begin(order);
  if (!sheet.open) sheet.showModal();
  try {
    const text = await getText(orderPath(order.clientId, order.messageId));
    if (shown === order) fill(JSON.parse(text), members(text));
  } catch (why) {
    if (!isOutside(why)) throw why;
    if (shown === order) say(why.message);
  }
}

/** Whether an event is about the order that is shown. */
export const isShown = ({ clientId, messageId }) =>
  shown !== null && shown.clientId === clientId && shown.messageId === messageId;

function begin({ clientId, messageId }) {
  the('order-id').textContent = messageId;
  the('order-vendor').textContent = clientId;
  the('order-parts').hidden = true;
  say('Looking it up…');
}

function say(text) {
  the('order-note').textContent = text;
  the('order-note').hidden = !text;
}

function fill(order, texts) {
  say('');
  the('order-parts').hidden = false;
  const badge = the('order-state');
  badge.textContent = STATES[order.state];
  badge.dataset.state = order.state;
  the('order-facts').replaceChildren(
    ...fact('Customer', plain(order.order?.customer)),
    ...fact('Address', plain(order.order?.address)),
    ...fact(
      order.state === 'delivered' ? 'Delivered by' : 'Driver',
      order.holder ?? (order.state === 'delivered' ? '' : 'nobody yet'),
    ),
    ...(order.offeredAgainAt ? fact('Offered again', wholeMoment(order.offeredAgainAt)) : []),
  );
  the('order-timeline').replaceChildren(...order.timeline.map(step));
  const proof = order.timeline.findLast((entry) => entry.proof)?.proof;
  the('order-proof-part').hidden = !proof;
  the('order-proof').replaceChildren(
    ...Object.entries(proof ?? {}).flatMap(([name, value]) =>
      fact(PROOF[name] ?? name, proofText(name, value)),
    ),
  );
  the('order-payload').textContent =
    texts.order && texts.order !== 'null' ? indented(texts.order) : 'The hub no longer has it.';
  showLabel(order);
}

function showLabel({ clientId, messageId }) {
  const label = the('order-label');
  const path = `${orderPath(clientId, messageId)}/label.svg`;
  if (label.getAttribute('src') === path) return;
  label.alt = `Label of order ${messageId} of ${clientId}`;
  label.onerror = () => {
    label.alt = 'The label could not be had; close the order and open it again.';
    label.removeAttribute('src');
  };
  label.src = path;
}

const PROOF = {
  scannedAt: 'Scanned',
  driver: 'Driver',
  code: 'Code',
  note: 'Note',
  location: 'Place',
};

const proofText = (name, value) =>
  name === 'scannedAt' && !Number.isNaN(Date.parse(value)) ? wholeMoment(value) : plain(value);

const fact = (name, value) => [h('dt', {}, name), h('dd', {}, h('bdi', {}, value || 'not said'))];

function step(entry) {
  const time = h('time');
  showMoment(time, entry.time);
  return h(
    'li',
    { 'data-state': entry.event },
    h('strong', {}, sayEvent(entry)),
    entry.by ? h('span', { class: 'soft' }, ' by ', h('bdi', {}, entry.by)) : null,
    entry.code ? h('span', { class: 'soft' }, ` (${entry.code})`) : null,
    time,
  );
}
