// The page of a comparison: its table, and the film of each model.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { open, close, drawn, plain, shot } from './page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const sizes = [['laptop', 1280, 800], ['projector', 1920, 1080], ['tablet', 820, 1180], ['phone', 390, 844], ['small-phone', 360, 640]];

for (const colorScheme of ['light', 'dark']) {
  test(`${colorScheme}, for everybody, from a phone to a projector`, async () => {
    const page = await open('compared.html', { colorScheme });
    await page.evaluate(axe);
    for (const language of ['en', 'ja']) {
      for (const [name, width, height] of sizes) {
        await page.setViewportSize({ width, height });
        await drawn(page);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${name}, ${language}: ${wide} px are needed, there are ${width}`);
        if (!['laptop', 'phone'].includes(name)) continue;
        const { violations } = await page.evaluate(() => globalThis.axe.run());
        assert.deepEqual(violations.map((v) => `${name}, ${language}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`), []);
        await shot(page, `compared-${colorScheme}-${language}-${name}`);
      }
      await page.locator('#language').click();
    }
    await close(page);
  });
}

test('the table says what happened under each model, and why', async () => {
  const page = await open('compared.html');
  assert.match(plain(await page.locator('.caveat').innerText()), /^Simulated/);
  const row = (model) => page.getByRole('row').filter({ has: page.getByRole('link', { name: new RegExp(`^${model} `) }) });
  const cells = async (model) => (await row(model).getByRole('cell').evaluateAll((all) => all.map((c) => [...c.querySelectorAll('.sign, .reason, .count')].map((n) => n.textContent).join(' '))));
  assert.deepEqual(await cells('aws'), ['✓ entry 10/10', '✓ entry 9/9', '✓ entry 19/19', '✓ entry 27/27', '✗ new 0/19', '✓ entry 27/27']);
  assert.deepEqual(await cells('cut'), ['✓ entry 10/10', '✗ new 0/9', '✗ new 0/19', '✓ entry 27/27', '✗ new 0/19', '✓ entry 27/27']);
  assert.deepEqual((await cells('ovn')).slice(0, 2), ['✓ rule 10/10', '✗ known 0/9']);
  assert.match(plain(await row('cut').getByRole('rowheader').innerText()), /neutron A change deletes conntrack entries/);
  assert.match(plain(await row('ovn').getByRole('rowheader').innerText()), /request-tombstone/);
  assert.match(await row('cut').getByRole('cell').nth(1).textContent(), /dropped/, 'the outcome has words too');
  assert.equal(await page.getByRole('columnheader', { name: 'experiment 3' }).count(), 2);
  assert.match(await page.locator('.meanings').innerText(), /conntrack does not know the flow/);
  assert.equal(await page.locator('.not-run').innerText(), 'tied was not run: it forwards');
  await page.getByRole('button', { name: '日本語' }).click();
  assert.equal((await cells('cut'))[1], '✗ 新規 0/9');
  assert.match(await page.locator('.caveat').innerText(), /シミュレーション/);
  await page.getByRole('button', { name: '配色の切り替え' }).click();
  assert.equal(await page.locator('.film').nth(1).getAttribute('href'), '?model=cut&lang=ja&theme=dark');
  await close(page);
});

test('a model leads to its film, and that back to the table', async () => {
  const page = await open('compared.html', {}, '?model=cut&lang=ja&theme=dark');
  assert.equal(await page.locator('html').getAttribute('lang'), 'ja');
  assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
  assert.match(await page.locator('#back').innerText(), /cut$/);
  assert.ok(await page.locator('#comparison').isHidden());
  assert.ok(await page.locator('#verdict .sign').isVisible());
  assert.doesNotMatch(await page.locator('#verdict').innerText(), /予測どおりでは/, 'its predictions are for another model');
  await page.keyboard.press('End');
  await drawn(page);
  assert.match(await page.locator('#lanes').innerText(), /37\/65/);
  await page.getByRole('button', { name: 'English' }).click();
  assert.equal(await page.getByRole('link', { name: 'All models' }).getAttribute('href'), '?lang=en&theme=dark');
  await close(page);
});
