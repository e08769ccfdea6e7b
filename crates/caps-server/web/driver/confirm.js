// Asks before a delivery without a scan, which a pocket could have touched.

import { the } from '../shared/dom.js';
import { plain } from '../shared/text.js';

/** Calls `confirmed(note)` if the driver says that the order is delivered. */
export function confirmDelivery({ messageId, order }, confirmed) {
  the('confirm-title').textContent = `Deliver ${messageId}?`;
  the('confirm-text').textContent = [plain(order?.customer), plain(order?.address)]
    .filter(Boolean)
    .join(', ');
  the('note').value = '';
  the('confirm').returnValue = 'no';
  the('confirm').onclose = () => {
    if (the('confirm').returnValue === 'yes') confirmed(the('note').value.trim());
  };
  the('confirm').showModal();
}
