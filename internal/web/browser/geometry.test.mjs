// The stage keeps its shape, whatever the window, the place on the page and the moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, drawn, length, open, seek, shot } from './page.mjs';

// broken returns the names that take more than one line.
function broken() {
  const found = [];
  for (const node of document.querySelectorAll('.host h2, .row .name, .entry .stream, .entry .state, .address, .names b')) {
    if (!node.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const lines = new Set([...range.getClientRects()].map((r) => Math.round(r.top)));
    if (lines.size > 1) found.push(node.textContent);
  }
  return found;
}

// loose returns how far the lines from entries to rules end from the cards where they begin, in px.
function loose() {
  const stage = document.getElementById('stage').getBoundingClientRect();
  const cards = [...document.querySelectorAll('#stage .entry:not([data-dead])')].map((n) => n.getBoundingClientRect());
  return [...document.querySelectorAll('#stage .link')].map((path) => {
    const { x, y } = path.getPointAtLength(0);
    return Math.min(...cards.map((c) => Math.max(Math.abs(y + stage.y - (c.y + Math.min(c.height / 2, 16))), Math.min(Math.abs(x + stage.x - c.left), Math.abs(x + stage.x - c.right)))));
  });
}

test('at every width', async () => {
  for (const name of ['ping.html', 'ping.ja.html']) {
    const page = await open(name);
    for (const [width, height] of [[360, 640], [390, 844], [640, 700], [720, 405], [736, 700], [820, 700], [960, 700], [1100, 700], [1152, 700], [1280, 800], [1600, 900], [1920, 1080], [2560, 1440]]) {
      await page.setViewportSize({ width, height });
      await drawn(page);
      await seek(page, await length(page) * 0.95);
      assert.deepEqual(await page.evaluate(broken), [], `${name}, ${width} px`);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `${width} px are not enough`);
      const off = await page.evaluate(loose);
      assert.ok(off.length >= 4 && off.every((px) => px < 3), `${name}, ${width} px: lines are ${off} px off`);
      await shot(page, `geometry-${name}-${width}`);
    }
    await close(page);
  }
});

test('while the page scrolls, and while the film plays', async () => {
  const page = await open('ping.html', { viewport: { width: 1280, height: 500 } });
  const end = await length(page);
  const tops = new Set();
  for (let share = 0.05; share <= 1; share += 0.05) {
    await page.evaluate((y) => scrollTo(0, y), Math.round(300 * share));
    await seek(page, end * share);
    const off = await page.evaluate(loose);
    assert.ok(off.every((px) => px < 3), `scrolled to ${Math.round(300 * share)} px: lines are ${off} px off`);
    tops.add(await page.locator('#player').evaluate((n) => Math.round(n.getBoundingClientRect().top + scrollY)));
  }
  assert.ok(Math.max(...tops) - Math.min(...tops) <= 1, `the controls move: ${[...tops]}`);
  await close(page);
  const order = await open('course-reference.html');
  const length2 = await length(order);
  const places = new Set();
  for (let share = 0.05; share < 1; share += 0.1) {
    await seek(order, length2 * share);
    places.add(await order.locator('#player').evaluate((n) => Math.round(n.getBoundingClientRect().top)));
  }
  assert.ok(Math.max(...places) - Math.min(...places) <= 1, `the controls move: ${[...places]}`);
  await close(order);
});
