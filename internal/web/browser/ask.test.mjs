// The question: the film stops before the experiment that surprises and asks what will happen.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, plain, read, shot, until } from './page.mjs';

const { ask, title } = JSON.parse(read('ping.json'));
const sections = ['#why', '#predicted', '#statistics', '#evidence'];

// card waits until the page shows a card in place of the subtitle, and returns its words.
async function card(page, name) {
  await page.locator(`#caption[data-card=${name}]`).waitFor();
  return plain(await page.locator('#caption .words').innerText());
}

// hidden checks that nothing gives the answer away.
async function hidden(page) {
  for (const id of [...sections, '#title', '#verdict', '.legend']) assert.ok(await page.locator(id).isHidden(), id);
  assert.ok(!plain(await page.locator('body').innerText()).includes(title), 'the title is the answer');
  assert.equal(await colours(page), 1, 'the timeline is empty after now');
}

// colours returns how many colours the timeline shows between the current time and its end.
async function colours(page) {
  const box = await page.locator('.area').boundingBox();
  const now = await page.locator('.now').boundingBox();
  const from = now.x + now.width + 8; // beyond the rounded corner
  const png = await page.screenshot({ clip: { ...box, x: from, width: box.x + box.width - from - 10 } });
  return page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(new Blob([Uint8Array.from(atob(data), (x) => x.charCodeAt(0))]));
    const c = new OffscreenCanvas(bitmap.width, bitmap.height).getContext('2d');
    c.drawImage(bitmap, 0, 0);
    return new Set(new Uint32Array(c.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)).size;
  }, png.toString('base64'));
}

test('asks once, and meets the answer with what was said', async () => {
  const page = await open('ping.html', {}, '?auto');
  assert.equal(await page.locator('h1').innerText(), 'A ping is running when the rule that allows ICMP is revoked. Does the ping stop?');
  await hidden(page);
  await shot(page, 'ask-first');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowUp');
  assert.equal(await card(page, 'ask'), ask.question);
  await hidden(page);
  await shot(page, 'ask');
  // Nothing leads past the question, nor to a packet of the future.
  for (const key of ['End', '4', ']', ' ', 'ArrowRight']) {
    await page.keyboard.press(key);
    await until(page, () => !document.documentElement.dataset.playing);
  }
  const area = await page.locator('.area').boundingBox();
  const now = await page.locator('.now').boundingBox();
  for (let x = now.x + 5; x < area.x + area.width; x += 12) {
    await page.mouse.move(x, area.y + 26 + 18 + 13);
    assert.equal(await page.locator('.area').evaluate((n) => n.style.cursor), 'ew-resize');
  }
  assert.ok(await page.locator('#story').isHidden(), 'a packet of the future has no story');
  assert.equal(await page.locator('.row[data-gone]:visible').count(), 2, 'the rule that is revoked is on the stage');
  await hidden(page);

  assert.deepEqual(plain((await page.locator('.actions button').allInnerTexts()).join(' ')), `${ask.answers[0]}1 ${ask.answers[1]}2 ${ask.answers[2]}3`);
  await page.getByRole('button', { name: ask.answers[1] }).click();
  await until(page, () => document.documentElement.dataset.playing && document.querySelector('.packet[visibility=visible]'));
  await hidden(page);
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowUp');
  assert.equal(await card(page, 'told'), `You said: It stops. ${ask.outcome}`);
  assert.equal(await page.locator('#caption').getAttribute('data-tone'), 'drop');
  await shot(page, 'told');
  await page.keyboard.press('r');
  await until(page, () => document.documentElement.dataset.playing);
  await card(page, 'told');
  await page.keyboard.press(' ');
  for (const id of [...sections, '#title', '#verdict']) await page.locator(id).waitFor();
  await page.keyboard.press('End');
  assert.equal(plain(await page.locator('#end .choice').innerText()), `✕ You said: It stops. ${ask.outcome}`);
  assert.equal(await page.locator('#end .score').count(), 0, 'one prediction is no score');

  // Another scenario, predicted well before: together they make a score.
  await page.evaluate(() => localStorage.setItem('lablab', '{"restart":true,"ping":false}'));
  await page.keyboard.press('q');
  await page.keyboard.press('End');
  await card(page, 'ask');
  await page.keyboard.press('1');
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowUp');
  assert.equal(await card(page, 'told'), `You said: It goes on. ${ask.outcome}`);
  assert.equal(await page.locator('#caption').getAttribute('data-tone'), 'accept');
  await page.keyboard.press(' ');
  await page.keyboard.press('End');
  assert.equal(await page.locator('#end .score').innerText(), 'Your predictions so far: 1 of 2 were right.', 'the first prediction counts');
  await close(page);
});

test('can be left', async () => {
  const page = await open('ping.html', {}, '');
  await page.getByRole('button', { name: 'Just watch' }).click();
  for (const id of sections) assert.ok(await page.locator(id).isVisible(), id);
  assert.equal(await page.locator('#title').innerText(), title);
  assert.ok(await colours(page) > 10, 'the whole timeline is there');
  await close(page);
});
