// Stepping, scrubbing and choosing: by keyboard, by pointer, and from the sentences.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, seek, drawn, until, plain, length } from './page.mjs';

const at = (page) => page.locator('.slider').evaluate((s) => Number(s.value));
const experiment = (page) => page.locator('#caption .experiment').innerText();

test('drags to any moment', async () => {
  const page = await open('ping.html');
  const end = await length(page);
  assert.ok(end > 40 && end < 65, `the film takes ${end} s`);
  await seek(page, end);
  assert.match(await experiment(page), /^Experiment 4/);
  assert.equal(await page.locator('.row[data-gone]:visible').count(), 2);
  await seek(page, 0);
  assert.equal(await page.locator('.row[data-gone]:visible').count(), 0);
  await until(page, () => document.querySelectorAll('.entry').length === 0);
  const area = await page.locator('.area').boundingBox();
  await page.mouse.move(area.x + area.width * 0.1, area.y + 5);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width * 0.5, area.y + 5, { steps: 5 });
  await page.mouse.up();
  await drawn(page);
  assert.ok(Math.abs(await at(page) - end / 2) < 1, `dragged to ${await at(page)} of ${end}`);
  await close(page);
});

test('a click on a mark chooses its packet', async () => {
  const page = await open('ping.html');
  const found = await page.evaluate(() => new Promise((done) => {
    const area = document.querySelector('.area').getBoundingClientRect();
    const story = document.getElementById('story');
    let x = 0;
    const look = () => {
      const y = area.y + 26 + 18 + 26 * 1.5;
      const send = (type) => document.querySelector('.area').dispatchEvent(new PointerEvent(type, { clientX: area.x + x, clientY: y, pointerId: 1, bubbles: true }));
      send('pointermove');
      if (document.querySelector('.area').style.cursor === 'pointer') return done({ x: area.x + x, y });
      x += 3;
      return x < area.width ? requestAnimationFrame(look) : done(null);
    };
    document.querySelector('.area').hasPointerCapture = () => false;
    look();
  }));
  assert.ok(found, 'no mark of stream 2 was found');
  await page.mouse.click(found.x, found.y);
  assert.match(plain(await page.locator('#story').innerText()), /Packet 1 of stream 2: dropped .* Arriving at A, it was NEW: dropped by default-deny\./);
  await page.keyboard.press('Escape');
  assert.ok(await page.locator('#story').isHidden());
  await close(page);
});

test('everything by keyboard', async () => {
  const page = await open('ping.html');
  await page.keyboard.press('3');
  await drawn(page);
  assert.match(await experiment(page), /^Experiment 3/);
  await page.keyboard.press(']');
  await drawn(page);
  assert.match(await experiment(page), /^Experiment 4/);
  await page.keyboard.press('[');
  await page.keyboard.press('[');
  await drawn(page);
  assert.match(await experiment(page), /^Experiment (2|3)/);
  await page.keyboard.press('Home');
  await drawn(page);
  assert.equal(await at(page), 0);
  await page.keyboard.press('Shift+ArrowRight');
  await drawn(page);
  assert.ok(Math.abs(await at(page) - 1) < 0.05);
  await page.keyboard.press(' ');
  await until(page, () => Number(document.querySelector('.slider').value) > 1.3);
  await page.keyboard.press(' ');
  await until(page, () => !document.documentElement.dataset.playing);
  await page.keyboard.press('ArrowUp');
  await drawn(page);
  assert.equal(await page.locator('.rate').innerText(), '2×');
  for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowDown');
  await drawn(page);
  assert.equal(await page.locator('.rate').innerText(), '0.1×');
  for (let i = 0; i < 12; i++) await page.keyboard.press('ArrowUp');
  await drawn(page);
  assert.equal(await page.locator('.rate').innerText(), '100×');
  await page.keyboard.press('End');
  await drawn(page);
  assert.ok(await length(page) - await at(page) < 0.1);
  await page.keyboard.press('?');
  assert.ok(await page.getByRole('dialog').isVisible());
  await page.keyboard.press('Escape');
  await page.keyboard.press('l');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
  // Every control can be reached by keyboard.
  const reached = new Set();
  await page.locator('body').press('Home');
  for (let i = 0; i < 60; i++) {
    await page.keyboard.press('Tab');
    reached.add(await page.evaluate(() => document.activeElement.dataset?.name ?? document.activeElement.id ?? ''));
  }
  for (const name of ['watch', 'language', 'theme', 'before', 'back', 'toggle', 'on', 'next', 'slower', 'quicker', 'help']) assert.ok(reached.has(name), `${name} cannot be reached: ${[...reached]}`);
  await close(page);
});

test('a sentence shows its moment', async () => {
  const page = await open('ping.html');
  await page.getByRole('button', { name: /changed nothing for packets 11–65/ }).click();
  assert.match(await page.locator('#story').innerText(), /^Packet 11 of stream 1/);
  await until(page, () => document.querySelector('#caption .experiment').textContent.startsWith('Experiment 2'));
  await until(page, () => !document.documentElement.dataset.playing);
  assert.ok(await page.locator('.row[data-gone]', { hasText: 'icmp' }).first().isVisible());
  await close(page);
});

test('who cannot see it is told, but not all at once', async () => {
  const page = await open('ping.html');
  await page.evaluate(() => {
    globalThis.told = [];
    new MutationObserver(() => globalThis.told.push([performance.now(), document.getElementById('live-region').textContent])).observe(document.getElementById('live-region'), { childList: true, characterData: true, subtree: true });
  });
  await page.keyboard.press(' ');
  await until(page, () => globalThis.told.length >= 2);
  const told = await page.evaluate(() => globalThis.told);
  assert.ok(told[1][0] - told[0][0] > 1500, `two sentences within ${told[1][0] - told[0][0]} ms`);
  assert.match(told.map((x) => x[1]).join('\n'), /is NEW to A/);
  await close(page);
});

test('of many hosts, one can be kept open', async () => {
  const page = await open('crowd.html');
  await seek(page, 5);
  const host = page.getByRole('button', { name: 'h14', exact: true });
  assert.equal(await host.getAttribute('aria-expanded'), 'false');
  await host.press('Enter');
  await drawn(page);
  assert.equal(await host.getAttribute('aria-expanded'), 'true');
  assert.ok(await page.getByText('h14 · inbound').isVisible());
  await close(page);
});
