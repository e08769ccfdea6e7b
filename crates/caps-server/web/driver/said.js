// Tells the driver what came of a scan.

import { the } from '../shared/dom.js';
import { signal } from './signal.js';

/** Says `text`, which is `good` or `bad`. */
export function say(kind, text) {
  the('said').hidden = false;
  the('said').dataset.kind = kind;
  the('said').textContent = text;
  the('choices').hidden = true;
  signal(kind);
}
