// Where one signs in. The hub shows it in the place of whatever was asked for.

import { isOutside, post, Problem } from '../shared/api.js';
import { the } from '../shared/dom.js';
import { wasOver, whoAmI } from '../shared/session.js';

const NO_COOKIE =
  'The token is good, but this browser does not keep it: allow cookies for this page, and sign in again.';

/** Whether the hub knows by the cookie who asks. */
async function isKnown() {
  try {
    await whoAmI();
    return true;
  } catch (why) {
    if (!isOutside(why)) throw why;
    return false;
  }
}

function ask() {
  the('sign-in').hidden = false;
  the('over').hidden = !wasOver();
  the('token').focus();
}

the('sign-in').addEventListener('submit', async (event) => {
  event.preventDefault();
  the('problem').textContent = '';
  try {
    await post('/api/session', { token: the('token').value.trim() });
    if (await isKnown()) location.reload();
    else the('problem').textContent = NO_COOKIE;
  } catch (why) {
    if (!isOutside(why)) throw why;
    the('problem').textContent = why.message;
    if (why instanceof Problem) the('token').select();
  }
});

// A browser that follows a link of another site brings no cookie along, and does when the page asks itself.
const [{ type }] = performance.getEntriesByType('navigation');
if (type !== 'reload' && (await isKnown())) location.reload();
else ask();
