// The page that is fed while a lab runs.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read, drawn, until } from './page.mjs';

const events = read('ping.jsonl').trim().split('\n').map((line) => JSON.parse(line));
const report = { en: JSON.parse(read('ping.json')) };

test('follows what it is fed, and can be dragged back', async () => {
  const page = await open('fed.html');
  const told = await page.evaluate(() => {
    globalThis.told = 0;
    document.addEventListener('lablab:state', () => { globalThis.told++; });
    return document.querySelector('#controls').hidden;
  });
  assert.ok(told, 'the controls are shown by who fills them');
  for (let i = 0; i < events.length; i += 50) {
    await page.evaluate((some) => globalThis.fed.append(some), events.slice(i, i + 50));
    await drawn(page);
  }
  await page.evaluate((r) => globalThis.fed.setReport(r), report);
  assert.ok(await page.evaluate(() => globalThis.told) > 0);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  assert.ok(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed') === 'true');
  assert.ok(await page.getByText('Everything was as predicted.').isVisible());
  await page.keyboard.press('Home');
  await drawn(page);
  assert.ok(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed') === 'false');
  await until(page, () => document.querySelectorAll('.entry').length === 0);
  await page.getByRole('button', { name: 'Live' }).click();
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  const state = await page.evaluate(() => globalThis.fed.state());
  assert.deepEqual(state.hosts.map((h) => h.name), ['A', 'B']);
  assert.deepEqual(state.streams.map((s) => [s.name, s.running]), [['1', true], ['2', true]]);
  assert.deepEqual(state.rules.map((r) => [r.id, r.on]), [['ssh', true], ['icmp', false], ['out', true], ['icmp', true]]);
  assert.equal(state.entries.filter((e) => e.alive).length, 4);
  await close(page);
});

test('is the same fed at once or piece by piece', async () => {
  const look = async (page) => {
    await until(page, () => /65 of 65 .*27 of 46/.test(document.querySelector('.names').textContent));
    return page.evaluate(() => [...document.querySelectorAll('.row:not([hidden])')].map((r) => `${r.textContent} ${r.dataset.gone ?? ''}`).join('\n') + document.querySelector('.names').textContent);
  };
  const seen = [];
  for (const size of [events.length, 1, 7]) {
    const page = await open('fed.html');
    await page.evaluate(([all, n]) => { for (let i = 0; i < all.length; i += n) globalThis.fed.append(all.slice(i, i + n)); }, [events, size]);
    seen.push(await look(page));
    await close(page);
  }
  assert.equal(seen[1], seen[0]);
  assert.equal(seen[2], seen[0]);
});

test('forgets everything when it is told to', async () => {
  const page = await open('fed.html');
  await page.evaluate((all) => globalThis.fed.append(all), events);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  await page.evaluate(() => globalThis.fed.reset());
  await until(page, () => document.querySelectorAll('.host').length === 0);
  await page.evaluate((all) => globalThis.fed.append(all), events);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  await close(page);
});
