// Tells ears and hands what came of a scan: eyes are on the parcel.

const NOTES = {
  good: [[1320, 0, 0.12]],
  bad: [
    [220, 0, 0.18],
    [180, 0.24, 0.3],
  ],
};
const BUZZES = { good: [60], bad: [200, 80, 300] };

let sound;

// A browser lets a page make a sound only after a touch or a key.
for (const touch of ['pointerdown', 'keydown']) {
  addEventListener(touch, () => {
    sound ??= new AudioContext();
    sound.resume();
  });
}

/** Signals `good` or `bad`. */
export function signal(kind) {
  navigator.vibrate?.(BUZZES[kind]);
  if (sound?.state !== 'running') return;
  for (const [frequency, start, length] of NOTES[kind]) {
    const tone = new OscillatorNode(sound, {
      frequency,
      type: kind === 'good' ? 'sine' : 'square',
    });
    const volume = new GainNode(sound, { gain: 0.15 });
    tone.connect(volume).connect(sound.destination);
    tone.start(sound.currentTime + start);
    tone.stop(sound.currentTime + start + length);
  }
}
