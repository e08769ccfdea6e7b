// Words, numbers and times as people read them.

/** The states of an order, in the order in which it meets them. */
export const STATES = {
  ready: 'Ready',
  claimed: 'Claimed',
  'in-transit': 'In transit',
  delivered: 'Delivered',
};

export const EVENTS = {
  pickup: 'Placed',
  claimed: 'Claimed',
  'in-transit': 'In transit',
  delivered: 'Delivered',
  received: 'Received',
  released: 'Given back',
  offered: 'Offered again',
  abandoned: 'Abandoned',
  refused: 'Refused',
};

const DAY = 24 * 60 * 60 * 1000;
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium' });
const minutes = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const day = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'long' });
const numbers = new Intl.NumberFormat();
const figures = new Intl.NumberFormat(undefined, { notation: 'compact', maximumFractionDigits: 1 });

export const number = (n) => numbers.format(n);

/** In at most five characters or so. */
export const figure = (n) => (n < 10_000 ? number(n) : figures.format(n));

/** `3 orders`, `1 order`. */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

/** A moment: today's by its second, others by their day. */
export function moment(iso) {
  const then = new Date(iso);
  const today = new Date();
  if (then.toDateString() === today.toDateString()) return clock.format(then);
  if (then.toDateString() === new Date(today - DAY).toDateString())
    return `Yesterday ${minutes.format(then)}`;
  return `${day.format(then)}, ${minutes.format(then)}`;
}

export const hour = (iso) => minutes.format(new Date(iso));
export const wholeMoment = (iso) => full.format(new Date(iso));

/** How long, in one unit. */
export function span(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** Whatever a vendor has written in a field, on one line. */
export function plain(value) {
  if (value == null) return '';
  if (Array.isArray(value) || typeof value === 'object')
    return Object.values(value).map(plain).join(', ');
  return String(value);
}

/** Shows a moment in a `<time>`, whose whole is in its title. */
export function showMoment(element, iso) {
  element.textContent = iso ? moment(iso) : '';
  if (iso) {
    element.dateTime = iso;
    element.title = wholeMoment(iso);
  }
}
