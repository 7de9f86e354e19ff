// How long each subtitle is on screen: every one of every scenario of the course, in virtual time.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { close, open, plain, until } from './page.mjs';

const films = readdirSync(process.env.LABLAB_PAGES).filter((name) => name.startsWith('course-'));
const frame = 0.1; // s, the longest that a player takes

// clock lets a test say when a frame is due.
const clock = `
  let queue = [];
  let now = 0;
  globalThis.requestAnimationFrame = (f) => queue.push(f);
  globalThis.tick = () => { now += 1000 * ${frame}; const all = queue; queue = []; for (const f of all) f(now); };
`;

// watch plays a film to its end, goes on where it waits, and returns its lines: the text, for how
// long it was there, and whether the film waited for the reader.
function watch(frame) {
  const caption = document.getElementById('caption');
  const text = caption.querySelector('.words');
  const end = document.getElementById('end');
  document.getElementById('stage').style.display = 'none'; // drawing takes most of the time
  globalThis.tick();
  document.querySelector('#poster .play').click();
  globalThis.tick();
  const lines = [];
  let line = null;
  for (let i = 0; i < 20_000 && end.hidden; i++) {
    if (text.textContent !== line?.text) lines.push(line = { text: text.textContent, title: 'title' in caption.dataset, tone: caption.dataset.tone, for: 0, waited: false });
    line.for += line.waited ? 0 : frame;
    if (caption.dataset.card === 'wait') {
      line.waited = true;
      caption.querySelector('button').click();
    }
    globalThis.tick();
  }
  return { lines, ended: !end.hidden };
}

function words(text) { return text.trim().split(/\s+/).length; }

test('every line can be read', async () => {
  assert.ok(films.length > 15, films.join());
  for (const name of films) {
    const page = await open(name, {}, '?watch', clock);
    const { lines, ended } = await page.evaluate(watch, frame);
    assert.ok(ended, `${name} does not end`);
    for (const l of lines) {
      const needs = words(l.text) / 3.5 + 1;
      assert.ok(l.for >= needs - 1.5 * frame, `${name}: ${l.text}: ${l.for.toFixed(1)} s, ${needs.toFixed(1)} s to read`);
      // Titles are the scenario's own; a reason in brackets may be long.
      if (!l.title && l.tone !== 'answer') assert.ok(words(l.text) <= (l.text.startsWith('(') ? 17 : 15), `${name}: ${words(l.text)} words: ${l.text}`);
    }
    assert.equal(lines.at(-1).tone, 'answer', `${name} ends with ${lines.at(-1).text}`);
    assert.ok(lines.some((l) => l.waited) || ['related', 'egress'].some((n) => name.includes(n)), `${name} waits nowhere`);
    assert.ok(lines.length < 100, `${name} has ${lines.length} lines`);
    await close(page);
  }
});

test('a crowd says the same once', async () => {
  const page = await open('crowd.html', {}, '?watch', clock);
  const { lines } = await page.evaluate(watch, frame);
  assert.equal(lines.filter((l) => /ESTABLISHED/.test(l.text)).length, 1, lines.map((l) => l.text).join('\n'));
  await close(page);
});

test('a decisive subtitle waits, unless the film goes on by itself', async () => {
  const page = await open('ping.html', {}, '?watch');
  const waits = (after) => until(page, (t) => document.getElementById('caption').dataset.card === 'wait' && document.querySelector('.slider').value > t, after);
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowUp');
  await waits(0);
  assert.match(plain(await page.locator('#caption').innerText()), /The memory stays\. Continue ?Space$/);
  assert.ok(await page.locator('.row[data-lit=accept]:visible').count() > 0, 'the row that decided is lit');
  const t = Number(await page.locator('.slider').inputValue());
  await page.keyboard.press(' ');
  await waits(t + 1);
  assert.equal(await page.locator('.row[data-lit=drop]:visible').count(), 1);
  await page.getByRole('button', { name: 'Auto-advance' }).click();
  await page.locator('#end').waitFor();
  assert.equal(await page.getByRole('button', { name: 'Auto-advance' }).getAttribute('aria-pressed'), 'true');
  await close(page);
});
