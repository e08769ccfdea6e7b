// The driver's page: takes codes and touches, keeps what they ask for, and sends it to the hub.

import { get, isOutside, orderPath, post, Problem } from '../shared/api.js';
import { h, offerVendors, the, throttled } from '../shared/dom.js';
import { Line } from '../shared/line.js';
import { leave, signOut } from '../shared/session.js';
import { plain } from '../shared/text.js';
import { offerCamera } from './camera.js';
import { check, meantBy, Wrong } from './codes.js';
import { confirmDelivery } from './confirm.js';
import { Lists, showOutbox } from './lists.js';
import { askWho, keepName, knownName, whenTold, whoDrives } from './naming.js';
import * as outbox from './outbox.js';
import { keepPage } from './page.js';
import { say } from './said.js';

const VENDOR = 'caps.vendor';

const NO_LINE =
  'No line to the hub. Go on scanning: what you scan is kept here, and sent in its order when the line is back.';

/** A code that comes again so soon is the same scan, in milliseconds. */
const SAME_SCAN = 3000;

/** How long to wait before what could not be sent is tried again, in milliseconds. */
const AGAIN = 3000;

const DOES = { take: 'in-transit', deliver: 'delivered', release: 'release' };
const DONE = { take: 'You have', deliver: 'Delivered:', release: 'Given back:' };

let driver = knownName();
let vendor = localStorage.getItem(VENDOR) ?? '';
/** The role that the driver has signed in with: null where nobody has to, and undefined while that is not known. */
let role;
/** The vendors that the token is for, where not for all. */
let own = null;
let line;
let lists;

/** Whether it is the act that cannot be. Who is not known any more may sign in again. */
const isRefusal = (why) =>
  why instanceof Wrong || (why instanceof Problem && !why.temporary && why.code !== 'unauthorized');

// Codes and touches

let last = { at: 0 };

async function scanned(code) {
  const act = new FormData(the('scan')).get('act');
  const now = performance.now();
  const isSame = last.code === code && last.act === act && now - last.at < SAME_SCAN;
  last = { code, act, at: now };
  if (isSame) return;
  const at = new Date().toISOString();
  // Behind what waits, it is looked up when its turn comes: what waits may be the taking of this very order.
  if ((await outbox.all()).some(isWaiting)) return hold({ act, code, at, driver });
  try {
    const orders = await meantBy(code);
    if (orders.length === 0)
      throw new Wrong(`No order is known by ${code}. Is it the right label?`);
    if (orders.length > 1) return choose(orders, (order) => begin(act, order, { code, at }));
    await begin(act, orders[0], { code, at });
  } catch (why) {
    if (!(isRefusal(why) || isOutside(why))) throw why;
    if (isRefusal(why)) say('bad', why.message);
    else await hold({ act, code, at, driver });
  }
}

/** Several stores have an order of that id. */
function choose(orders, chosen) {
  say('bad', 'More than one store has an order of that id. Which is it?');
  the('choices').hidden = false;
  the('choices').replaceChildren(
    ...orders.map((order) =>
      h(
        'button',
        { type: 'button', click: () => tried(() => chosen(order)) },
        `${order.clientId}: ${plain(order.order?.customer)}`,
      ),
    ),
  );
}

/** Does it, and tells if that cannot be done. */
async function tried(work) {
  try {
    await work();
  } catch (why) {
    say('bad', why.message);
    if (!(isRefusal(why) || isOutside(why))) reportError(why);
  }
}

/** Does that with an order, if it can be done; `scan` is the code and when it was scanned, if it was. */
async function begin(act, order, scan, note) {
  check(act, order, driver);
  const { clientId, messageId } = order;
  const at = scan?.at ?? new Date().toISOString();
  await hold({
    act,
    clientId,
    messageId,
    code: scan?.code ?? messageId,
    isScanned: Boolean(scan),
    at,
    driver,
    note,
  });
}

async function touched(act, order) {
  if (act !== 'deliver') return tried(() => begin(act, order));
  confirmDelivery(order, (note) => tried(() => begin(act, order, null, note)));
}

// What is kept, and sent

const isWaiting = ({ refused }) => !refused;

async function hold(act) {
  const same = (other) =>
    other.act === act.act && other.code === act.code && other.clientId === act.clientId;
  if ((await outbox.all()).filter(isWaiting).some(same))
    return say('bad', `${act.code} waits to be sent already.`);
  const number = await outbox.keep(act);
  const refused = (await send()).find((other) => other.number === number);
  if (refused) {
    // The driver is told at once, so it need not be kept.
    await outbox.remove(number);
    say('bad', refused.refused);
  } else if ((await outbox.all()).some((other) => other.number === number)) {
    say('good', `Kept: ${act.code}. It is sent when the line is back.`);
  } else {
    say('good', `${DONE[act.act]} ${act.code}.`);
  }
  await showWaiting();
}

let again;

/** Sends what is kept, now or as soon as can be. Resolves to what was refused. */
async function send() {
  clearTimeout(again);
  let refused = [];
  try {
    refused = await outbox.sendAll(sendOne, isRefusal);
    // The line tells of one vendor alone.
    if (vendor) readLists();
  } catch (why) {
    if (!isOutside(why)) throw why;
    if (why.code === 'unauthorized') leave();
    // Or there is no line, or the hub has no room for now. The page says what waits.
    else again = setTimeout(sendAgain, AGAIN);
  }
  await showWaiting();
  return refused;
}

async function sendAgain() {
  const [refused] = await send();
  if (refused) say('bad', refused.refused);
}

async function sendOne({ act, clientId, messageId, code, isScanned, at, driver, note }) {
  if (clientId === undefined) {
    // Scanned without a line.
    const orders = await meantBy(code);
    if (orders.length === 0) throw new Wrong(`No order is known by ${code}.`);
    if (orders.length > 1)
      throw new Wrong(`More than one store has an order ${code}. Scan it again.`);
    check(act, orders[0], driver);
    ({ clientId, messageId } = orders[0]);
    isScanned = true;
  }
  const proof = {
    scannedAt: at,
    driver,
    code: isScanned ? code : undefined,
    note: note || undefined,
  };
  const body = act === 'deliver' ? { driver, proof } : { driver };
  await post(`${orderPath(clientId, messageId)}/${DOES[act]}`, body);
}

async function showWaiting() {
  showOutbox(await outbox.all(), async (number) => {
    await outbox.remove(number);
    await showWaiting();
  });
}

// What the hub tells

async function readLists() {
  if (!driver) return;
  try {
    await Promise.all([lists.read(), showVendors()]);
  } catch (why) {
    if (!isOutside(why)) throw why;
    // The banner tells of a lost line.
    if (why.code === 'unauthorized') leave();
    else if (isRefusal(why)) say('bad', why.message);
    else readAgain();
  }
}

async function showVendors() {
  const { vendors } = await get('/api/vendors');
  const names = vendor && !vendors.includes(vendor) ? [vendor, ...vendors] : vendors;
  offerVendors(the('vendor'), own ?? names, vendor, own === null);
}

function serve(chosen) {
  vendor = chosen;
  localStorage.setItem(VENDOR, vendor);
  start();
}

the('vendor').addEventListener('change', ({ target }) => serve(target.value));

const readAgain = throttled(AGAIN, readLists);

function lineChanged(state, problem) {
  the('line').dataset.state = state;
  the('line').textContent = state === 'lost' ? 'No line' : 'Live';
  the('banner').hidden = state !== 'lost';
  the('banner').textContent = problem?.message ?? NO_LINE;
  if (problem?.code === 'unauthorized') leave();
  if (state !== 'live') return;
  sendAgain();
  // The page was loaded without a line.
  if (role === undefined) tried(learnWho);
}

// The page

function start() {
  the('work').hidden = the('scan').hidden = !driver;
  the('rename').hidden = !driver || role !== null;
  the('sign-out').hidden = !role;
  the('line').hidden = !driver;
  the('driver').textContent = driver ?? 'Driver';
  line?.close();
  if (!driver) return;
  lists = new Lists({ driver, vendor, act: touched, anew: readLists });
  line = new Line({
    clientId: vendor,
    heard: (entry) => lists.heard(entry),
    changed: lineChanged,
    based: readLists,
  });
  showWaiting();
}

function stop() {
  askWho(driver);
  driver = null;
  the('banner').hidden = true;
  start();
}

/** Learns who has signed in, if anybody has to. */
async function learnWho() {
  const who = await whoDrives();
  ({ role, own } = who);
  if (role === null) return driver ? start() : stop();
  driver = who.driver;
  if (own && !own.includes(vendor)) serve(own[0]);
  else start();
}

async function showPage() {
  if (driver) start();
  try {
    await learnWho();
  } catch (why) {
    if (!isOutside(why)) throw why;
    if (why.code === 'unauthorized') leave();
    else if (!driver) stop();
  }
}

whenTold((name) => {
  driver = name;
  keepName(name);
  start();
  the('code').focus();
});
the('rename').addEventListener('click', stop);
the('sign-out').addEventListener('click', () =>
  tried(async () => {
    if ((await outbox.all()).some(isWaiting))
      throw new Wrong('Not all is sent yet. Wait for the line before you sign out.');
    await signOut();
  }),
);
the('scan').addEventListener('submit', (event) => {
  event.preventDefault();
  const code = the('code').value.trim();
  the('code').value = '';
  if (code) tried(() => scanned(code));
});
the('ready-more').addEventListener('click', () => tried(() => lists.readMore()));

// A scanner at the cable types, wherever the focus is.
addEventListener('keydown', ({ key, ctrlKey, metaKey, altKey, target }) => {
  const types = key.length === 1 && key !== ' ' && !ctrlKey && !metaKey && !altKey;
  if (types && driver && !the('confirm').open && !target.matches('input:not([type=radio])'))
    the('code').focus();
});

keepPage();

offerCamera(
  (code) => tried(() => scanned(code)),
  (why) => say('bad', why),
);
showPage();
