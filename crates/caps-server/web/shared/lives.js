// How an order goes on: what each event makes of it.

const BECOMES = {
  pickup: () => ({ state: 'ready', holder: null, deliveredAt: null }),
  claimed: ({ by }) => ({ state: 'claimed', holder: by }),
  'in-transit': ({ by }) => ({ state: 'in-transit', holder: by }),
  delivered: ({ by, time }) => ({ state: 'delivered', holder: by, deliveredAt: time }),
  released: () => ({ state: 'ready', holder: null }),
  offered: () => ({ state: 'ready', holder: null }),
  abandoned: () => ({ state: 'claimed', holder: null }),
};

/** What an order is after that event, but for what stays as it was; nothing if the event changes nothing. */
export function become(entry) {
  const becomes = BECOMES[entry.event]?.(entry);
  return becomes && { ...becomes, changedAt: entry.time };
}

/** The order of an event or a row, as one text. */
export const keyOf = ({ clientId, messageId }) => JSON.stringify([clientId, messageId]);
