// What a code means: an order id, or `clientId/orderId` as it is on a label.

import { get, orderPath, Problem } from '../shared/api.js';
import { moment } from '../shared/text.js';

/** An order id alone is looked for at each store, if there are no more of them than this. */
const MOST_STORES = 60;

/** What was scanned cannot be done, for a reason that the driver can mend. */
export class Wrong extends Error {}

/** The orders that a code may mean; none if no order is known by it. */
export async function meantBy(code) {
  const halves = [...code.matchAll(/\//g)].map(({ index }) => [
    code.slice(0, index),
    code.slice(index + 1),
  ]);
  const { vendors } = await get('/api/vendors');
  const stores = vendors.length <= MOST_STORES ? vendors.map((vendor) => [vendor, code]) : [];
  const candidates = [...halves.filter(([store, id]) => store && id), ...stores];
  const found = await Promise.all(candidates.map(([store, id]) => look(store, id)));
  const orders = found.filter((order) => order !== null);
  if (orders.length === 0 && halves.length === 0 && stores.length === 0) {
    throw new Wrong(
      `There are too many stores to look for ${code} in all of them. Scan or type it as store/${code}.`,
    );
  }
  return orders;
}

async function look(clientId, messageId) {
  try {
    const order = await get(orderPath(clientId, messageId));
    return {
      ...order,
      deliveredAt: order.timeline.findLast(({ event }) => event === 'delivered')?.time,
    };
  } catch (why) {
    if (why instanceof Problem && !why.temporary) return null;
    throw why;
  }
}

/** Throws why this driver may not do that with the order, as far as can be known before the hub is asked. */
export function check(act, { messageId, state, holder, deliveredAt }, driver) {
  if (state === 'delivered') {
    const when = deliveredAt ? ` (${moment(deliveredAt)})` : '';
    throw new Wrong(
      `${messageId} was delivered already${holder ? `, by ${holder === driver ? 'you' : holder}` : ''}${when}.`,
    );
  }
  if (holder && holder !== driver)
    throw new Wrong(
      `${holder} has ${messageId}. Leave it alone, or ask ${holder} to give it back.`,
    );
  if (act === 'take' && state === 'in-transit') throw new Wrong(`You have ${messageId} already.`);
  if (act === 'deliver' && state !== 'in-transit')
    throw new Wrong(`You have not taken ${messageId} yet. Switch to Take and scan it again.`);
}
