// How many orders there are in each state, and how many were delivered in each hour of the last day.

import { get } from '../shared/api.js';
import { svg, the } from '../shared/dom.js';
import { count, figure, hour, number } from '../shared/text.js';

const HOURS = 24;
const [WIDTH, HEIGHT, GAP] = [240, 48, 2];

export async function showStats(vendor) {
  const { states, deliveries } = await get('/api/stats', { clientId: vendor, hours: HOURS });
  const delivered = deliveries.reduce((sum, { count }) => sum + count, 0);
  for (const [state, n] of Object.entries({ ...states, delivered })) {
    const tile = document.querySelector(`#states [data-state="${CSS.escape(state)}"] .figure`);
    if (tile) tile.textContent = figure(n);
  }
  showChart(deliveries, delivered);
}

function showChart(deliveries, total) {
  const most = Math.max(1, ...deliveries.map(({ count }) => count));
  const step = WIDTH / deliveries.length;
  const bars = deliveries.map(({ hour: start, count: n }, i) => {
    const height = n === 0 ? 1 : Math.max(3, (n / most) * HEIGHT);
    const [x, y, width] = [i * step + GAP / 2, HEIGHT - height, step - GAP];
    const title = svg('title', {}, `${hour(start)}: ${count(n, 'delivery', 'deliveries')}`);
    return svg('rect', { x, y, width, height, rx: 1, class: n ? 'hour' : 'hour none' }, title);
  });
  const best = deliveries.find(({ count }) => count === most);
  const summary = total
    ? `${count(total, 'delivery', 'deliveries')} in the last 24 hours, most in the hour from ${hour(best.hour)}: ${number(most)}.`
    : 'No deliveries in the last 24 hours.';
  const chart = the('chart');
  chart.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  chart.setAttribute('aria-label', summary);
  chart.replaceChildren(...bars);
  the('chart-from').textContent = hour(deliveries[0].hour);
  the('chart-most').textContent = total ? `most ${number(most)} an hour` : 'none yet';
}
