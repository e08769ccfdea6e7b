// The camera as a scanner, where the browser itself can read codes.

import { the } from '../shared/dom.js';

/** How often to look, in milliseconds. */
const LOOK = 150;

/** Offers the camera where there is one: calls `found(code)` for what comes before it, or `failed(why)`. */
export function offerCamera(found, failed) {
  if (!('BarcodeDetector' in globalThis && navigator.mediaDevices)) return;
  let close;
  the('camera-open').hidden = false;
  the('camera-open').addEventListener('click', async () => {
    if (!the('camera').hidden) return;
    the('camera').hidden = false;
    try {
      close = await watch(the('video'), found);
      // It may have been closed while the driver was asked for leave.
      if (the('camera').hidden) close();
    } catch (why) {
      the('camera').hidden = true;
      failed(
        `The camera cannot be used: ${why.message}. Allow it for this page, or type the code.`,
      );
    }
  });
  the('camera-close').addEventListener('click', () => {
    close?.();
    the('camera').hidden = true;
  });
}

/** Shows the camera in `video` and calls `found(code)` for what comes before it. Returns what ends that. */
async function watch(video, found) {
  const detector = new BarcodeDetector({ formats: await BarcodeDetector.getSupportedFormats() });
  const stream = await navigator.mediaDevices.getUserMedia({
    video: { facingMode: 'environment' },
  });
  video.srcObject = stream;
  await video.play();
  let isOver = false;
  const look = async () => {
    if (isOver) return;
    // Fails while the camera has no picture yet.
    const codes = await detector.detect(video).catch(() => []);
    for (const { rawValue } of codes) if (!isOver) found(rawValue);
    setTimeout(look, LOOK);
  };
  look();
  return () => {
    isOver = true;
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
}
