// What the driver has done and the hub does not know yet: kept in the browser, through a dead zone and a reload, and
// sent in the order in which it was done.

const STORE = 'acts';

function open() {
  const opening = indexedDB.open('caps-driver', 1);
  opening.onupgradeneeded = () =>
    opening.result.createObjectStore(STORE, { keyPath: 'number', autoIncrement: true });
  return done(opening);
}

const database = open();

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function store(mode) {
  return (await database).transaction(STORE, mode).objectStore(STORE);
}

/** Keeps an act; resolves to its number. */
export const keep = async (act) => done((await store('readwrite')).put(act));

/** All that is kept, oldest first. */
export const all = async () => done((await store('readonly')).getAll());

export const remove = async (number) => done((await store('readwrite')).delete(number));

let sending = Promise.resolve();

/**
 * Sends with `send(act)` what is kept, one after another, but for what was refused before. An act that `send` takes is
 * gone; one at which it throws what `isRefusal` is kept with the reason; at anything else the sending ends, to be tried
 * again. Resolves to what was refused.
 */
export function sendAll(send, isRefusal) {
  const work = async () => {
    const refused = [];
    for (let act; (act = (await all()).find((act) => !act.refused));) {
      try {
        await send(act);
        await remove(act.number);
      } catch (why) {
        if (!isRefusal(why)) throw why;
        refused.push({ ...act, refused: why.message });
        await keep(refused.at(-1));
      }
    }
    return refused;
  };
  // Nor do two pages of one browser send at the same time, where it has locks: a secure page has. Without, the worst is
  // that an act is sent twice, which the hub knows for a retry.
  const alone = () => (navigator.locks ? navigator.locks.request('caps-driver', work) : work());
  const sent = sending.then(alone);
  sending = sent.catch(() => {});
  return sent;
}
