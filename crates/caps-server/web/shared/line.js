// The line on which the hub tells what happens. It comes back by itself, and then goes on where it was: no event
// is lost and none comes twice.

import { get, hear, isOutside, Problem } from './api.js';

/** The pause before another attempt, in milliseconds: the first, and the longest. */
const PAUSE = 500;
const LONGEST_PAUSE = 4000;

/** So many missed events are heard one by one; after more, everything is read anew. */
const MOST_MISSED = 5000;

export class Line {
  #options;
  #calling = null;
  #timer = null;
  #pause = PAUSE;
  #last = null;
  #closed = false;

  /**
   * `heard(entry)` is told of each event, `changed("live" | "lost", problem)` of the line's state, and `based()` when
   * everything is to be read: at first, and after so long an absence, or of so different a hub, that there is
   * nothing to go on from. What is read from then on is never older than the events that follow.
   */
  constructor(options) {
    this.#options = options;
    addEventListener('online', this.retry);
    addEventListener('offline', this.#lost);
    document.addEventListener('visibilitychange', this.#seen);
    this.#connect();
  }

  close() {
    this.#closed = true;
    removeEventListener('online', this.retry);
    removeEventListener('offline', this.#lost);
    document.removeEventListener('visibilitychange', this.#seen);
    this.#hangUp();
  }

  async #connect() {
    const { clientId, changed, based } = this.#options;
    const calling = new AbortController();
    const { signal } = calling;
    this.#calling = calling;
    try {
      const newest = { clientId, sort: 'newest', limit: 1 };
      const { events, next } = await get('/api/log', newest, { signal });
      const head = events[0]?.seq ?? next ?? 0;
      const missed = head - this.#last;
      const goesOn = this.#last !== null && missed >= 0 && missed <= MOST_MISSED;
      if (!goesOn) this.#last = head;
      const lastEventId = this.#last;
      const opened = () => {
        this.#pause = PAUSE;
        changed('live');
      };
      const hearing = hear(
        '/api/events',
        { clientId, lastEventId },
        { signal, opened, heard: this.#heard },
      );
      if (!goesOn) based();
      await hearing;
    } catch (why) {
      if (signal.aborted) return;
      this.#lost(why);
      if (!isOutside(why)) reportError(why);
    }
  }

  #heard = (entry) => {
    if (entry.seq <= this.#last) return;
    this.#last = entry.seq;
    this.#options.heard(entry);
  };

  #lost = (why) => {
    if (this.#closed) return;
    this.#hangUp();
    // A hub that refuses says why, such as that it keeps no log.
    this.#options.changed('lost', why instanceof Problem ? why : undefined);
    this.#timer = setTimeout(this.retry, this.#pause * (0.5 + Math.random() / 2));
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 2);
  };

  /** Tries again now, if the line is lost. */
  retry = () => {
    if (this.#closed || this.#calling || document.hidden) return;
    clearTimeout(this.#timer);
    this.#connect();
  };

  /** A browser has six lines to a hub, for all of its pages, so one that nobody looks at leaves its own to others. */
  #seen = () => {
    if (document.hidden) this.#hangUp();
    else this.retry();
  };

  #hangUp() {
    clearTimeout(this.#timer);
    this.#calling?.abort();
    this.#calling = null;
  }
}
