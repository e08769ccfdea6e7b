// Who has signed in. The hub keeps the token in a cookie that no script sees, and asks for it on a page of its own.

import { get, remove } from './api.js';

/** Tells the next page, which asks for a token, why. */
const OVER = 'caps.over';

/** `{role, sub, vendors, exp}`; the role is null where the hub asks nobody for a token. */
export async function whoAmI() {
  const who = await get('/api/session');
  sessionStorage.removeItem(OVER);
  return who;
}

export async function signOut() {
  await remove('/api/session');
  location.reload();
}

/** The hub does not know us any more: it shows where to sign in, in the place of what is shown now. */
export function leave() {
  // Shown a page all the same, a browser would load it again and again.
  if (sessionStorage.getItem(OVER) !== null) return;
  sessionStorage.setItem(OVER, 'yes');
  location.reload();
}

/** Whether the page before this one has ended by that. */
export function wasOver() {
  const isOver = sessionStorage.getItem(OVER) !== null;
  sessionStorage.removeItem(OVER);
  return isOver;
}
