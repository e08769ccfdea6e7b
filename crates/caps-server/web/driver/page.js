// The driver's page itself, for when it is loaded where there is no line.

/** Has the browser keep the page, where it can: a secure page only. */
export async function keepPage() {
  if (!navigator.serviceWorker) return;
  const worker = new URL('worker.js', import.meta.url).href;
  // The one address that may become a script, which the page's policy wants to be said.
  const policy = globalThis.trustedTypes?.createPolicy('caps-worker', {
    createScriptURL: () => worker,
  });
  const address = policy?.createScriptURL('') ?? worker;
  try {
    await navigator.serviceWorker.register(address, { scope: '/driver' });
  } catch (why) {
    console.info('The page is not kept, and needs a line when it is loaded:', why);
  }
}
