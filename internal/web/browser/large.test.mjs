// A record of 100,000 events opens at once and scrubs smoothly.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, until, length } from './page.mjs';

test('opens in two seconds', async () => {
  let best = Infinity; // best of several: the machine may be busy
  for (let i = 0; i < 5 && best > 1500; i++) {
    const began = performance.now();
    const page = await open('large.html');
    await until(page, () => document.querySelectorAll('.host').length === 2 && document.querySelector('.area canvas').height > 50);
    best = Math.min(best, performance.now() - began);
    await close(page);
  }
  console.log(`opened after ${Math.round(best)} ms`);
  assert.ok(best < 2000, `it took ${best} ms`);
});

test('scrubs smoothly', async () => {
  const page = await open('large.html');
  const frames = await page.evaluate(async (end) => {
    const slider = document.querySelector('.slider');
    const took = [];
    for (let i = 0; i < 60; i++) {
      slider.value = (end * ((i * 37) % 60)) / 60;
      const before = performance.now();
      slider.dispatchEvent(new Event('input'));
      await new Promise(requestAnimationFrame);
      took.push(performance.now() - before);
    }
    return took.sort((a, b) => a - b);
  }, await length(page));
  console.log(`frames: median ${frames[30].toFixed(1)} ms, longest ${frames.at(-1).toFixed(1)} ms`);
  assert.ok(frames[30] < 50, `half of the frames took ${frames[30]} ms`);
  await close(page);
});
