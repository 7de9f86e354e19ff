// A record of 100,000 events opens and scrubs. It prints how long that takes; a busy machine takes longer.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, until, length } from './page.mjs';

test('opens', async () => {
  const began = performance.now();
  const page = await open('large.html');
  await until(page, () => document.querySelectorAll('.host').length === 2 && document.querySelector('.area canvas').height > 50);
  console.log(`opened after ${Math.round(performance.now() - began)} ms`);
  await close(page);
});

test('scrubs', async () => {
  const page = await open('large.html');
  const { took, times } = await page.evaluate(async (end) => {
    const slider = document.querySelector('.slider');
    const took = [];
    const times = new Set();
    for (let i = 0; i < 60; i++) {
      slider.value = (end * ((i * 37) % 60)) / 60;
      const before = performance.now();
      slider.dispatchEvent(new Event('input'));
      await new Promise(requestAnimationFrame);
      took.push(performance.now() - before);
      times.add(document.querySelector('.time').textContent);
    }
    return { took: took.sort((a, b) => a - b), times: times.size };
  }, await length(page));
  console.log(`frames: median ${took[30].toFixed(1)} ms, longest ${took.at(-1).toFixed(1)} ms`);
  assert.ok(times > 50, `60 places of the film show ${times} times`);
  await close(page);
});
