// Who drives: by the token, or where nobody has to sign in by a name.

import { the } from '../shared/dom.js';
import { whoAmI } from '../shared/session.js';

const NAME = 'caps.driver';

/** The driver's name, if it was said before. */
export const knownName = () => localStorage.getItem(NAME);

/** Keeps it, for when there is no line. */
export const keepName = (name) => localStorage.setItem(NAME, name);

/**
 * Who drives by the token that was signed in with, and for which vendors if not for all: `{role, driver, own}`. Says so
 * if that is nobody.
 */
export async function whoDrives() {
  const { role, sub, vendors } = await whoAmI();
  const drives = role === 'driver' || role === 'admin';
  if (drives) keepName(sub);
  if (role !== null) the('naming').hidden = true;
  the('no-driver').hidden = role === null || drives;
  the('no-driver').textContent =
    `This page is for drivers, and you have signed in as ${sub}, whose role is ${role}. ` +
    'Sign out, and sign in with the token of a driver.';
  return { role, driver: drives ? sub : null, own: vendors };
}

/** Asks who drives. */
export function askWho(name) {
  the('naming').hidden = false;
  the('name').value = name ?? '';
  the('name').focus();
}

/** Calls `told(name)` when that is said. */
export function whenTold(told) {
  the('naming').addEventListener('submit', (event) => {
    event.preventDefault();
    const name = the('name').value.trim();
    if (!name) return;
    the('naming').hidden = true;
    told(name);
  });
}
