// The dashboard: joins the address, the line to the hub, and the parts of the page.

import { get, isOutside, Unreachable } from '../shared/api.js';
import { announcer, h, offerVendors, the, throttled } from '../shared/dom.js';
import { Line } from '../shared/line.js';
import { leave, signOut, whoAmI } from '../shared/session.js';
import { count, EVENTS, plain } from '../shared/text.js';
import { addressOf, read } from './address.js';
import * as logs from './log.js';
import { isShown, showOrder } from './order.js';
import * as orderList from './orders.js';
import { showStanding, storeFor } from './standing.js';
import { showStats } from './stats.js';
import { WindowedList } from './window.js';

/** How often the figures follow what happens, and how often they are asked for when nothing does. */
const FIGURES_PAUSE = 1000;
const FIGURES_EVERY = 10_000;

const NO_LINE =
  'The line to the hub is lost. What you see may be out of date; it comes up to date by itself when the line is back.';

/** How long a search waits for the next letter. */
const TYPING = 250;

let shown = read();
let list;
let line;
/** Whether the hub asks for tokens. */
let asksForTokens = false;
/** The vendors that one may see: null for all of them, and undefined while that is not known. */
let own;
const vendors = new Set();
const announce = announcer(the('deliveries'));

// What the page shows of the hub

function openLine() {
  line?.close();
  const clientId = shown.vendor;
  line = new Line({ clientId, heard, based, changed: lineChanged });
}

function based() {
  list.restart();
  figures();
  showVendors();
  if (shown.order) showOrder(shown.order);
}

function heard(entry) {
  list.heard(entry);
  figures();
  if (isShown(entry)) orderAnew();
  if (!vendors.has(entry.clientId)) {
    vendors.add(entry.clientId);
    showVendors();
  }
  if (entry.event === 'delivered') {
    const { messageId, clientId, payload, by } = entry;
    const customer = plain(payload?.customer);
    announce(`Delivered: ${messageId} of ${clientId}${customer && ` to ${customer}`} by ${by}.`);
  }
}

function lineChanged(state, problem) {
  const isLost = state === 'lost';
  the('line').dataset.state = state;
  the('line').textContent = isLost ? 'No line' : 'Live';
  // It is soon known what may be seen.
  const isEarly = problem?.code === 'forbidden' && own === undefined;
  the('banner').hidden = !isLost || isEarly;
  the('banner').textContent = problem?.message ?? NO_LINE;
  if (problem?.code === 'unauthorized') leave();
  if (isLost) return;
  if (own === undefined) tell(learnWho);
  list.retry();
  figures();
}

const orderAnew = throttled(300, () => shown.order && showOrder(shown.order));

const figures = throttled(FIGURES_PAUSE, async () => {
  if (document.hidden) return;
  await tell(() =>
    Promise.all([showStats(shown.vendor), showStanding(shown.vendor, asksForTokens)]),
  );
});

const showVendors = throttled(FIGURES_PAUSE, () =>
  tell(async () => {
    const known = (await get('/api/vendors')).vendors;
    for (const vendor of known) vendors.add(vendor);
    if (shown.vendor) vendors.add(shown.vendor);
    offerVendors(the('vendor'), own ?? [...vendors].sort(), shown.vendor, !own);
  }),
);

/** Learns who has signed in, if anybody has to. */
async function learnWho() {
  const { role, sub, vendors } = await whoAmI();
  own = role === 'vendor' ? [sub] : vendors;
  asksForTokens = role !== null;
  the('session').hidden = !asksForTokens;
  the('who').textContent = sub;
  the('who').title = role;
  if (asked().vendor !== shown.vendor) follow();
  else showAsked();
}

/** What the address says. A token for some vendors may not see all at once. */
function asked() {
  const said = read();
  return own && !own.includes(said.vendor) ? { ...said, vendor: own[0] } : said;
}

/** Tells why `work` has failed, if the banner does not. */
async function tell(work) {
  let problem = '';
  try {
    await work();
  } catch (why) {
    if (!isOutside(why)) throw why;
    if (why.code === 'unauthorized') leave();
    else if (!(why instanceof Unreachable)) problem = why.message;
  }
  the('figures-problem').textContent = problem;
}

// The list

function openList() {
  list?.stop();
  const view = shown.view === 'log' ? logs : orderList;
  const href = ({ clientId, messageId }) => addressOf({ ...shown, order: { clientId, messageId } });
  const source = (shown.view === 'log' ? logs.log : orderList.orders)(shown, href);
  const table = the('list');
  table.dataset.view = shown.view;
  table.ariaLabel =
    shown.view === 'log' ? 'What happened, the latest first' : 'Orders, the newest first';
  the('headings').replaceChildren(
    ...view.HEADINGS.map((name) => h('th', { role: 'columnheader', scope: 'col' }, name)),
  );
  list = new WindowedList(the('rows'), source, listChanged);
  source.attach(list);
}

function listChanged({ count: n, newAbove, loading, problem }) {
  const isEmpty = n === 0 && !loading && !problem && list.isWhole;
  const isLog = shown.view === 'log';
  const isNarrowed = shown.q !== '' || (isLog ? shown.event !== '' : shown.states.size > 0);
  const what = isLog ? 'event' : 'order';
  the('list').hidden = n === 0;
  the('list').ariaRowCount = list.isWhole ? n + 1 : -1;
  the('none').hidden = !isEmpty || isNarrowed;
  the('none-found').hidden = !isEmpty || !isNarrowed;
  the('newer').hidden = newAbove === 0;
  the('newer').textContent = `${count(newAbove, `new ${what}`)} above`;
  the('list-problem').hidden = !problem;
  the('list-problem-text').textContent = problem ?? '';
  the('looking').hidden = !loading;
  the('end').textContent = list.isWhole && n > 0 ? `That is all: ${count(n, what)}.` : '';
}

// What the address says, and what is asked for by hand

function showAsked() {
  the('vendor').value = shown.vendor;
  the('search').value = shown.q;
  the('search').placeholder = shown.view === 'log' ? 'The whole order id' : 'Order id or customer';
  the('event').value = shown.event;
  the('event-field').hidden = shown.view !== 'log';
  for (const tab of document.querySelectorAll('#views a')) {
    const view = tab.dataset.view;
    tab.href = addressOf({ ...shown, view, event: '', q: '', order: null });
    if (view === shown.view) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
  }
  for (const tile of document.querySelectorAll('#states button')) {
    tile.setAttribute(
      'aria-pressed',
      shown.view === 'orders' && shown.states.has(tile.dataset.state),
    );
  }
  const bearer = asksForTokens ? ' -H "Authorization: Bearer $CAPS_TOKEN"' : '';
  the('command').textContent =
    `curl ${location.origin}/api/orders -H 'Content-Type: application/json'${bearer} \\
  -d '{"store": "${storeFor(shown.vendor)}", "orderId": "7", "customer": "Ann", "address": "Elm 1"}'`;
  document.title = [shown.order?.messageId, shown.vendor, 'CAPS'].filter(Boolean).join(' · ');
}

/** Shows what the address says now. */
function follow() {
  const before = shown;
  shown = asked();
  showAsked();
  const listOf = (what) => addressOf({ ...what, order: null });
  if (listOf(before) !== listOf(shown)) {
    openList();
    if (before.vendor !== shown.vendor) openLine();
    else list.restart();
  }
  showOrder(shown.order);
}

function ask(change) {
  history.replaceState(history.state, '', addressOf({ ...shown, ...change }));
  follow();
}

let typing;
the('search').addEventListener('input', () => {
  clearTimeout(typing);
  typing = setTimeout(() => ask({ q: the('search').value.trim() }), TYPING);
});
the('asked').addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(typing);
  ask({ q: the('search').value.trim() });
});
the('vendor').addEventListener('change', ({ target }) => ask({ vendor: target.value }));
the('event').addEventListener('change', ({ target }) => ask({ event: target.value }));
the('states').addEventListener('click', ({ target }) => {
  const state = target.closest('button')?.dataset.state;
  if (!state) return;
  const states = new Set(shown.view === 'orders' ? shown.states : []);
  if (!states.delete(state)) states.add(state);
  ask({ view: 'orders', event: '', states });
});
the('clear').addEventListener('click', () => ask({ q: '', event: '', states: new Set() }));
the('again').addEventListener('click', () => list.retry());
the('newer').addEventListener('click', () => scrollTo({ top: 0 }));
the('print').addEventListener('click', () => print());
the('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText(the('command').textContent);
  the('copy').textContent = 'Copied';
});

// Links within the page do not load it anew.
document.addEventListener('click', (event) => {
  const link = event.target.closest('a');
  if (
    link?.pathname !== '/' ||
    event.button !== 0 ||
    event.ctrlKey ||
    event.metaKey ||
    event.shiftKey ||
    event.altKey
  )
    return;
  event.preventDefault();
  history.pushState({ within: true }, '', link.href);
  follow();
});
addEventListener('popstate', follow);
the('order').addEventListener('close', () => {
  if (!shown.order) return;
  if (history.state?.within) history.back();
  else ask({ order: null });
});
the('order').addEventListener('click', ({ target }) => {
  if (target === the('order') || target.closest('#order-close')) the('order').close();
});

addEventListener('scroll', () => list.draw(), { passive: true });
addEventListener('resize', () => list.draw());
document.addEventListener('visibilitychange', () => figures());
setInterval(figures, FIGURES_EVERY);

// Where there is room beside the list, nothing is folded away.
const wide = matchMedia('(min-width: 75rem)');
const unfold = () =>
  document.querySelectorAll('aside details').forEach((part) => (part.open = wide.matches));
wide.addEventListener('change', unfold);
unfold();

the('event').append(
  ...Object.entries(EVENTS).map(([event, name]) => h('option', { value: event }, name)),
);
the('copy').hidden = !navigator.clipboard;
the('sign-out').addEventListener('click', () => tell(signOut));
showAsked();
openList();
openLine();
tell(learnWho);
