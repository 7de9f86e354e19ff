// The report below the film.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read } from './page.mjs';

const events = read('ping.jsonl').trim().split('\n').map((line) => JSON.parse(line));
const told = JSON.parse(read('ping.report.json'));

// live opens a live page with that report.
async function live(made) {
  const page = await open('fed.html');
  const tell = (t) => page.evaluate((all) => globalThis.fed.setReport(all), t);
  await page.evaluate((all) => globalThis.fed.append(all), events);
  await tell(made);
  return { page, tell };
}

test('live, folds stay open, and the focus and what is selected stay where they are', async () => {
  const { page, tell } = await live(told);
  await page.getByText('kernel verdicts').click();
  await page.getByText('about this run').click();
  const button = page.locator('#evidence .moment').nth(3);
  const name = await button.innerText();
  await button.focus();
  await page.locator('#statistics h3').first().evaluate((node) => getSelection().selectAllChildren(node));
  const selected = await page.evaluate(() => String(getSelection()));
  assert.match(selected, /^Stream 1 \(ping/);

  const later = structuredClone(told);
  const { report, words } = later;
  report.streams[0].verdicts.unshift({ ...report.streams[0].verdicts[0], first: 0, last: 0 });
  report.why.push({ moments: [null] });
  report.kernel = 'Linux 99';
  words.en.streams[0].statistics = '66 packets transmitted';
  words.en.why[0].sentences[1] = 'Another sentence.';
  words.en.why.push({ subject: 'Stream 3', sentences: ['It is new.'] });
  await tell(later);
  assert.match(await page.locator('#statistics pre').first().innerText(), /66 packets transmitted/);
  assert.ok(await page.getByText('Another sentence.').isVisible());
  assert.ok(await page.getByText('It is new.').isVisible());
  assert.ok(await page.getByText('Linux 99').isVisible(), 'the fold is open, and has what is new');
  assert.deepEqual(await page.locator('details').evaluateAll((all) => all.map((d) => d.open)), [false, false, true, true]);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), name);
  assert.equal(await page.evaluate(() => String(getSelection())), selected);

  await tell(told);
  assert.equal(await page.getByText('It is new.').count(), 0);
  assert.equal(await page.getByText('Another sentence.').count(), 0);
  await page.getByRole('button', { name: '日本語' }).click();
  assert.deepEqual(await page.locator('details').evaluateAll((all) => all.map((d) => d.open)), [false, false, true, true]);
  assert.equal(await page.locator('#statistics h2').innerText(), '統計');
  await close(page);
});

test('a sentence that has changed shows the moment that it speaks of now', async () => {
  const { page, tell } = await live(told);
  const later = structuredClone(told);
  const i = later.report.why[0].moments.findIndex((m) => m);
  later.report.why[0].moments[i] = { stream: '1', first: 5, last: 5, experiment: 1 };
  await tell(later);
  await page.locator('#why .moment').first().click();
  assert.match(await page.locator('#story').innerText(), /^Packet 5 of stream 1/);
  await close(page);
});

test('what there is no evidence of has no table', async () => {
  const { page } = await live({ report: { ...told.report, flows: [], counters: [] }, words: { en: { ...told.words.en, flows: [] } } });
  assert.deepEqual(await page.locator('summary').allInnerTexts(), ['kernel verdicts', 'about this run']);
  await close(page);
});
