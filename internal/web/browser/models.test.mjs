// What tells enforcement models apart, on the stage.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, drawn, length, plain, seek, shot } from './page.mjs';

// lit returns the rows that decide about packets during the film, until one that is enough: host,
// direction, name and how.
async function lit(page, enough = () => false) {
  const all = new Set();
  const end = await length(page);
  for (let t = 0; t < end; t += 0.4) {
    await seek(page, t);
    const now = await page.locator('.row:is([data-lit=accept], [data-lit=drop])').evaluateAll((rows) => rows.map((r) => [r.closest('.host').querySelector('h2').textContent, r.closest('.way').dataset.direction, r.querySelector('.name').textContent, r.dataset.lit].join(' ')));
    for (const one of now) all.add(one);
    if (now.some(enough)) break;
  }
  return all;
}

const rows = (page, host, direction) => page.locator(`.host:has(h2:text-is("${host}")) [data-direction=${direction}] .row:visible .name`).allInnerTexts();

test('a tombstone has a row, which drops replies', async () => {
  const page = await open('tombstone.html');
  assert.match(plain(await page.locator('.host:has(h2:text-is("A"))').innerText()), /model (ovn \()?request-tombstone/);
  const dropped = (row) => row.endsWith(' tombstone drop');
  const seen = await lit(page, dropped);
  assert.ok([...seen].some(dropped), [...seen].join('\n'));
  await shot(page, 'tombstone');
  await close(page);
});

test('what a model does not filter has rows, and no entry decides', async () => {
  const page = await open('syn.html');
  await drawn(page);
  assert.deepEqual(await rows(page, 'A', 'egress'), ['not filtered', 'out', 'default deny']);
  assert.ok(!(await rows(page, 'A', 'ingress')).includes('established'));
  const seen = await lit(page);
  assert.ok(seen.has('A egress not filtered accept'), [...seen].join('\n'));
  assert.ok(seen.has('B ingress echo-reply accept'), [...seen].join('\n'));
  assert.ok(seen.has('A ingress default deny drop'), [...seen].join('\n'));
  assert.ok(![...seen].some((s) => s.includes('established')), [...seen].join('\n'));
  await page.getByRole('button', { name: '日本語' }).click();
  await drawn(page);
  assert.deepEqual((await rows(page, 'A', 'egress'))[0], 'フィルターなし');
  await shot(page, 'syn-ja');
  await close(page);
});

test('under the default model everything is as before', async () => {
  const page = await open('ping.html');
  await drawn(page);
  assert.deepEqual(await rows(page, 'A', 'egress'), ['established', 'out', 'default deny']);
  assert.equal(await page.locator('.model:not(:empty)').count(), 0);
  await close(page);
});
