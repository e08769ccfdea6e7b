// Who drives: a name, and a token where the hub asks for one.

import { useToken } from '../shared/api.js';
import { the } from '../shared/dom.js';

const NAME = 'caps.driver';

/** The driver's name, if it was said before. */
export const knownName = () => localStorage.getItem(NAME);

/** Asks who drives; for a token, too, if the hub has said `why`. */
export function askWho(name, why) {
  the('naming').hidden = false;
  the('name').value = name ?? '';
  the('token-field').hidden = the('token-problem').hidden = !why;
  the('token-problem').textContent = why ?? '';
  (why ? the('token') : the('name')).focus();
}

/** Calls `told(name)` when that is said. */
export function whenTold(told) {
  the('naming').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = the('name').value.trim();
    if (!name) return;
    if (the('token').value) useToken(the('token').value.trim());
    localStorage.setItem(NAME, name);
    the('naming').hidden = true;
    told(name);
  });
}
