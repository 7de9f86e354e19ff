// How a run ended is the first thing that its page says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, plain, shot } from './page.mjs';

// first returns what the page says above the stage, and checks that it needs no scrolling.
async function first(page) {
  const verdict = page.locator('#verdict');
  const { bottom } = await verdict.evaluate((n) => n.getBoundingClientRect());
  const stage = await page.locator('#stage').evaluate((n) => n.getBoundingClientRect().top);
  assert.ok(bottom <= stage, `the verdict ends at ${bottom} px, the stage begins at ${stage}`);
  return { tone: await verdict.getAttribute('data-tone'), words: plain(await verdict.innerText()).trim() };
}

for (const [name, tone, english, japanese] of [
  ['ping', 'good', '✓All predictions held.', '✓すべて予測どおりでした。'],
  ['interrupted', 'stopped', '!Interrupted (SIGINT): this is what was seen until then.', '!中断されました(SIGINT)。それまでに観測した内容を示しています。'],
  ['cut-short', 'stopped', '!The record ends before the run did: this is what was seen until then.', '!記録が実行の途中で終わっています。それまでに観測した内容を示しています。'],
  ['broken', 'bad', '✕The run ended with an error: no more memory', '✕実行に失敗しました: no more memory'],
  ['session', 'neutral', '–No predictions were made.', '–予測は指定されていません。'],
]) {
  test(`${name}, in both languages`, async () => {
    const page = await open(`${name}.html`);
    assert.deepEqual(await first(page), { tone, words: english });
    await shot(page, `verdict-${name}`);
    await page.getByRole('button', { name: '日本語' }).click();
    assert.deepEqual(await first(page), { tone, words: japanese });
    await close(page);
  });
}

test('what did not hold, and why', async () => {
  const page = await open('failed.html');
  const { tone, words } = await first(page);
  assert.equal(tone, 'bad');
  assert.match(words, /^✕FAIL: 1 of \d+ predictions did not hold\. experiment 2, stream 1: predicted dropped, observed answered 9\/9/);
  assert.match(words, /Packets 11–19 were ESTABLISHED/);
  await shot(page, 'verdict-failed');
  for (const choose of [page.locator('#verdict .moment').first(), page.getByRole('button', { name: 'See the packet that decided: 11' })]) {
    await choose.click();
    assert.match(await page.locator('#story').innerText(), /^Packet 11 of stream 1/);
    await page.keyboard.press('Escape');
  }
  await page.keyboard.press('End');
  assert.match(await page.locator('#end h2').innerText(), /^FAIL: 1 of/);
  await page.getByRole('button', { name: '日本語' }).click();
  assert.match((await first(page)).words, /^✕失敗: 予測 \d+ 件のうち 1 件が不一致でした。 実験 2、ストリーム 1: 予測 遮断、結果 応答あり 9\/9/);
  await shot(page, 'verdict-failed-ja');
  await close(page);
});

test('the question does not give it away', async () => {
  const page = await open('failed.html', {}, '');
  assert.ok(await page.locator('#verdict').isHidden());
  await close(page);
});
