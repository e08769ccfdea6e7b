// A long list of which only the rows in sight are in the page. It is read from the hub part by part, as far as
// somebody scrolls, and what happens meanwhile is put in its place.

import { isOutside } from '../shared/api.js';

/** How many rows are made above and below of what is in sight. */
const MARGIN = 10;

/** Rows this close to the end call for the next part. */
const NEAR = 60;

/** A list that grows by itself is cut when it is this long, unless somebody has scrolled down in it. */
const LONG = 4000;
const CUT = 1000;

export class WindowedList {
  #body;
  #source;
  #changed;
  /** All rows that were read, the largest number first. */
  #rows = [];
  #byKey = new Map();
  /** Those of them that are in the page: `{element, row}` by key. */
  #made = new Map();
  /** The keys of rows that have changed since they were last drawn. */
  #fresh = new Set();
  /** What to ask for next; null when everything was read. */
  #next = null;
  #loading = null;
  /** What was asked for last. */
  #asked = null;
  /** What has happened since the part that is on its way was asked for. */
  #missed = [];
  #problem;
  #drawing = false;
  #height = 44;
  #grownAbove = 0;
  #newAbove = 0;
  #isOutdated = false;

  /**
   * `source` is `{fetch(after, signal) → {rows, next}, heard(entry), make() → element, fill(element, row)}`; each row
   * has a `key` of its own, and a number `seq`. `changed({count, newAbove, loading, problem})` is told of every
   * new state.
   */
  constructor(body, source, changed) {
    this.#body = body;
    this.#source = source;
    this.#changed = changed;
    body.replaceChildren();
    body.onkeydown = walk;
  }

  /** Reads the list from its start. What is there stays in sight until the new rows have come. */
  restart() {
    this.#isOutdated = false;
    this.#loading?.abort();
    this.#load(null);
  }

  /** Tries again what has failed. */
  retry() {
    if (this.#problem) this.#load(this.#asked);
  }

  /** Reads it anew, but for whoever has scrolled down only when they are back at the top. */
  refresh() {
    this.#isOutdated = true;
    this.draw();
  }

  /** Leaves the page to another list. */
  stop() {
    this.#loading?.abort();
    this.#drawing = true;
  }

  get(key) {
    return this.#byKey.get(key);
  }

  /** Whether there is no more to be read. */
  get isWhole() {
    return this.#next === null && !this.#loading && !this.#problem;
  }

  /** Whether a row of this number would be among those that were read. */
  covers(seq) {
    return this.#next === null || seq >= this.#next;
  }

  /** An event, for the rows that are here, and for those that are on their way and may not know of it. */
  heard(entry) {
    if (this.#loading) this.#missed.push(entry);
    this.#source.heard(entry);
  }

  /** Puts a row in its place, be it new or changed. */
  put(row) {
    const isNew = !this.#byKey.has(row.key);
    if (!isNew) this.#remove(row.key);
    const place = this.#placeOf(row.seq);
    this.#rows.splice(place, 0, row);
    this.#byKey.set(row.key, row);
    this.#fresh.add(row.key);
    if (isNew && place < this.#first()) {
      this.#grownAbove += 1;
      this.#newAbove += 1;
    }
    this.draw();
  }

  take(key) {
    if (this.#byKey.has(key)) this.#remove(key);
    this.draw();
  }

  /** Brings the page up to date, soon. */
  draw() {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#cut();
      this.#draw();
    });
  }

  async #load(after) {
    const loading = new AbortController();
    this.#loading = loading;
    this.#asked = after;
    this.#missed = [];
    this.#problem = undefined;
    this.#tell();
    try {
      const { rows, next } = await this.#source.fetch(after, loading.signal);
      if (loading.signal.aborted) return;
      if (after === null) this.#forget();
      for (const row of rows) {
        if (this.#byKey.has(row.key)) continue;
        this.#rows.push(row);
        this.#byKey.set(row.key, row);
      }
      this.#next = next;
    } catch (why) {
      if (loading.signal.aborted) return;
      this.#problem = why.message;
      if (!isOutside(why)) reportError(why);
    }
    this.#loading = null;
    for (const entry of this.#missed.splice(0)) this.#source.heard(entry);
    this.#tell();
    if (!this.#problem) this.draw();
  }

  #forget() {
    this.#rows = [];
    this.#byKey.clear();
    this.#fresh.clear();
    this.#grownAbove = 0;
    this.#newAbove = 0;
  }

  #remove(key) {
    const place = this.#placeOf(this.#byKey.get(key).seq);
    this.#rows.splice(place, 1);
    this.#byKey.delete(key);
  }

  #cut() {
    if (this.#rows.length < LONG || this.#loading || this.#first() > CUT / 2) return;
    for (const { key } of this.#rows.splice(CUT)) this.#byKey.delete(key);
    this.#next = this.#rows.at(-1).seq;
  }

  /** Where the row of that number is, or would be. */
  #placeOf(seq) {
    let [low, high] = [0, this.#rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#rows[middle].seq > seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first row in sight, under what sticks to the top. */
  #first() {
    // It is not in the page while it is empty.
    if (this.#body.offsetParent === null) return 0;
    const sticks = Number.parseFloat(getComputedStyle(this.#body).scrollMarginTop) || 0;
    const hidden = sticks - this.#body.getBoundingClientRect().top;
    return Math.max(0, Math.floor(hidden / this.#height));
  }

  #draw() {
    // Whoever reads further down keeps what they read under their eyes.
    if (this.#grownAbove > 0) {
      this.#body.style.paddingBottom = `${this.#rows.length * this.#height}px`;
      scrollBy({ top: this.#grownAbove * this.#height, behavior: 'instant' });
      this.#grownAbove = 0;
    }
    if (this.#first() === 0) {
      this.#newAbove = 0;
      if (this.#isOutdated && !this.#loading) this.restart();
    }
    const inSight = Math.ceil(innerHeight / this.#height);
    const first = Math.max(0, Math.min(this.#first() - MARGIN, this.#rows.length - inSight));
    const last = Math.min(this.#rows.length, first + inSight + 2 * MARGIN);
    this.#show(this.#rows.slice(first, last), first);
    this.#body.style.paddingTop = `${first * this.#height}px`;
    this.#body.style.paddingBottom = `${(this.#rows.length - last) * this.#height}px`;
    this.#measure();
    this.#tell();
    if (last > this.#rows.length - NEAR && this.#next !== null && !this.#loading)
      this.#load(this.#next);
  }

  #show(rows, first) {
    const shown = new Set(rows.map((row) => row.key));
    for (const [key, { element }] of this.#made) {
      if (shown.has(key)) continue;
      element.remove();
      this.#made.delete(key);
    }
    let place = this.#body.firstElementChild;
    rows.forEach((row, i) => {
      const made = this.#made.get(row.key) ?? { element: this.#source.make() };
      if (made.row !== row) this.#source.fill(made.element, row);
      made.row = row;
      this.#made.set(row.key, made);
      // The first is that of the headings.
      made.element.ariaRowIndex = first + i + 2;
      if (made.element === place) place = place.nextElementSibling;
      else this.#body.insertBefore(made.element, place);
      if (this.#fresh.has(row.key)) glow(made.element);
    });
    this.#fresh.clear();
  }

  /** The height is the style sheet's business, and that of whoever has enlarged the text. */
  #measure() {
    const height = this.#body.firstElementChild?.getBoundingClientRect().height;
    if (height && Math.abs(height - this.#height) > 0.1) {
      this.#height = height;
      this.draw();
    }
  }

  #tell() {
    this.#changed({
      count: this.#rows.length,
      newAbove: this.#newAbove,
      loading: this.#loading !== null,
      problem: this.#problem,
    });
  }
}

function glow(element) {
  if (matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  element.animate(
    { backgroundColor: ['var(--glow)', 'transparent'] },
    { duration: 1600, easing: 'ease-out' },
  );
}

/** The arrow keys go from row to row. */
function walk(event) {
  const step = { ArrowDown: 'nextElementSibling', ArrowUp: 'previousElementSibling' }[event.key];
  const link = step && event.target.closest('tr')?.[step]?.querySelector('a');
  if (!link) return;
  event.preventDefault();
  link.focus();
}
