// Names that try to be more than names.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, seek, length } from './page.mjs';

test('names stay names', async () => {
  const page = await open('hostile.html');
  for (const share of [0.1, 0.3, 0.5, 0.7, 1]) await seek(page, await length(page) * share);
  for (let i = 0; i < 5; i++) await page.keyboard.press('ArrowRight');
  await page.locator('details').evaluateAll((all) => all.forEach((d) => { d.open = true; }));
  assert.equal(await page.locator('img').count(), 0);
  const text = await page.evaluate(() => document.title + document.body.innerText);
  assert.ok(text.includes('</script><img src=x onerror=alert(1)>\\u202eevil\\u0007\\u2066<!--'), 'the name is not shown as it is');
  assert.doesNotMatch(text, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
  await page.keyboard.press('q');
  await page.keyboard.press('End');
  await page.locator('#caption[data-card=ask]').waitFor();
  assert.equal(await page.locator('.actions button').count(), 3);
  await close(page);
});

test('nothing else may run, and nobody may be asked', async () => {
  const page = await open('ping.html');
  const tried = await page.evaluate(async () => {
    const script = document.createElement('script');
    script.textContent = 'globalThis.ran = true';
    document.body.append(script);
    document.body.setAttribute('onclick', 'globalThis.ran = true');
    document.body.click();
    const asked = await fetch('https://example.org/').then(() => 'answered', () => 'not allowed');
    return { ran: globalThis.ran ?? false, asked };
  });
  assert.deepEqual(tried, { ran: false, asked: 'not allowed' });
  assert.ok(page.problems.some((p) => /Content Security Policy/.test(p)), 'the policy said nothing');
  assert.ok(!page.problems.some((p) => p.startsWith('request')), 'a request has left the page');
  await page.context().close();
});
