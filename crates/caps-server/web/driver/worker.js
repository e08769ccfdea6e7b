// Keeps the driver's page in the browser. The hub's own is shown whenever there is a line; its files never change
// under their addresses.

const PAGE = '/driver';

/** One for each version of the pages, which is a part of this file's address. */
const CACHE = self.location.pathname;

self.addEventListener('install', (event) => event.waitUntil(keep()));
self.addEventListener('activate', (event) => event.waitUntil(forgetOthers()));
self.addEventListener('fetch', (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (origin !== self.location.origin) return;
  if (pathname === PAGE) event.respondWith(page(request));
  if (pathname.startsWith('/assets/')) event.respondWith(kept(request));
});

async function keep() {
  const page = await fetch(PAGE, { headers: { accept: 'text/html' }, cache: 'no-cache' });
  if (!page.ok) throw new Error(`The page is not to be had: ${page.status}.`);
  const files = new Set((await page.clone().text()).match(/\/assets\/[^"]+/g));
  const cache = await caches.open(CACHE);
  await cache.addAll([...files]);
  await cache.put(PAGE, page);
}

async function forgetOthers() {
  const names = await caches.keys();
  await Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)));
  await self.clients.claim();
}

/** The hub's page, or where it asks to sign in; or the kept one where there is no line, or only a proxy at its end. */
async function page(request) {
  try {
    const answer = await fetch(request);
    return answer.ok || answer.status === 401 ? answer : await kept(PAGE);
  } catch {
    return kept(PAGE);
  }
}

/** What is kept, or else what the hub has. */
async function kept(request) {
  const answer = await caches.match(request, { ignoreVary: true });
  return answer ?? fetch(request);
}
