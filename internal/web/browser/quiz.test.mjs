// The quiz: the film stops before each experiment and asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read, until, plain } from './page.mjs';

const report = JSON.parse(read('ping.json'));

const dialog = () => document.querySelector('dialog.quiz').open;

test('asks before each experiment, and tells who was right', async () => {
  const page = await open('ping.html', {}, '?quiz');
  const guesses = [['all'], ['none'], ['all', 'none'], ['all', 'some']]; // the second and the last are wrong
  const verdicts = [
    /^Right! Stream 1: answered \(10 replies to 10 packets\) ✓ You said: All are answered\. Correct\./,
    /^Not quite\. Stream 1: answered \(9 replies to 9 packets\) ✕ You said: None is answered\. Wrong\./,
    /^Right! Stream 1: .* ✓ You said: All are answered\. .* Stream 2: dropped \(0 replies to 19 packets\) ✓ You said: None is answered\. Correct\./,
    /^Not quite\. Stream 1: .* ✓ .* Stream 2: answered .* ✕ You said: Some are answered\. Wrong\./,
  ];
  for (const [i, guess] of guesses.entries()) {
    await until(page, dialog);
    assert.match(await page.locator('dialog.quiz h2').innerText(), new RegExp(`^Experiment ${i + 1}: `));
    assert.ok(!await page.locator('html').getAttribute('data-playing'));
    for (const [n, value] of guess.entries()) await page.locator('dialog.quiz fieldset').nth(n).locator(`input[value=${value}]`).check();
    await page.getByRole('button', { name: 'Show me' }).click();
    if (i === 0) for (let n = 0; n < 6; n++) await page.keyboard.press('ArrowUp');
    await until(page, dialog);
    const told = plain(await page.locator('dialog.quiz').innerText());
    assert.match(told, verdicts[i]);
    for (const { because } of report.experiments[i].streams) {
      assert.ok(because.length > 0);
      for (const { sentence } of because) assert.ok(told.includes(plain(sentence)), sentence);
    }
    const past = [10, 19, 38, 65][i];
    for (const [, seq] of told.matchAll(/(?:packets?|seq|–)\s*(\d+)/gi)) assert.ok(Number(seq) <= past, `experiment ${i + 1} is asked about, and packet ${seq} is named: ${told}`);
    assert.equal(await page.locator('dialog.quiz').getAttribute('aria-describedby'), 'quiz-result', 'who hears the page hears it');
    await page.getByRole('button', { name: 'Continue' }).click();
  }
  await until(page, () => document.querySelector('.slider').max - document.querySelector('.slider').value < 0.1);
  await page.locator('#why').waitFor();
  await close(page);
});

const sections = ['#why', '#predicted', '#statistics', '#evidence'];

// colours returns how many colours the timeline shows between the current time and its end.
async function colours(page) {
  const box = await page.locator('.area').boundingBox();
  const now = await page.locator('.now').boundingBox();
  const from = now.x + now.width + 2;
  const png = await page.screenshot({ clip: { ...box, x: from, width: box.x + box.width - from - 10 } });
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (x) => x.charCodeAt(0))]));
    const c = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    c.drawImage(bitmap, 0, 0);
    return new Set(new Uint32Array(c.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
  }, png.toString('base64'));
}

test('gives no answer away while it asks', async () => {
  const page = await open('ping.html', {}, '?quiz');
  const hidden = async () => {
    for (const id of sections) assert.ok(await page.locator(id).isHidden(), id);
    assert.ok(await page.locator('.legend').isHidden(), 'what the marks mean');
    assert.equal((await page.locator('h1').innerText()).trim(), 'Quiz: ping', 'the title is the answer');
    return true;
  };
  await until(page, dialog);
  await hidden();
  await page.locator('dialog.quiz input[value=all]').check();
  await page.getByRole('button', { name: 'Show me' }).click();
  await page.waitForTimeout(500);
  await page.keyboard.press(' ');
  await until(page, () => !document.documentElement.dataset.playing);
  await hidden();
  assert.equal(await colours(page), 1, 'the timeline is empty after now');
  // No future packet can be chosen there.
  const area = await page.locator('.area').boundingBox();
  for (let x = area.width * 0.3; x < area.width; x += 12) {
    await page.mouse.move(area.x + x, area.y + 26 + 18 + 13);
    assert.equal(await page.locator('.area').evaluate((n) => n.style.cursor), 'ew-resize');
  }
  await page.keyboard.press('End'); // the quiz is over
  await page.locator('#why').waitFor();
  await page.keyboard.press('Home');
  await until(page, () => document.querySelector('.slider').value === '0');
  assert.ok(await colours(page) > 10, 'all is shown again');
  await page.keyboard.press('q');
  await until(page, dialog);
  await hidden();
  await page.getByRole('button', { name: 'Just watch' }).click();
  for (const id of sections) assert.ok(await page.locator(id).isVisible(), id);
  assert.equal((await page.locator('h1').innerText()).trim(), 'An established flow outlives the rule that admitted it');
  await close(page);
});

test('can be left', async () => {
  const page = await open('ping.html');
  await page.keyboard.press('q');
  await until(page, dialog);
  await page.keyboard.press('Escape');
  await until(page, () => document.documentElement.dataset.playing && !document.querySelector('dialog.quiz').open);
  await close(page);
});
