// How it looks: in both languages, light and dark, from a phone to a projector.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { open, close, seek, drawn, length } from './page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const shots = process.env.LABLAB_SHOTS;

async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

// refused is when the first packet of stream 2 is.
async function refused(page) { await seek(page, await length(page) * 0.475); }

for (const [name, options] of Object.entries({
  'ping.html light': { colorScheme: 'light' }, 'ping.html dark': { colorScheme: 'dark' },
  'ping.ja.html light': { colorScheme: 'light' }, 'ping.ja.html dark': { colorScheme: 'dark' },
  'crowd.html light': { colorScheme: 'light' },
})) {
  test(`${name} is for everybody`, async () => {
    const file = name.split(' ')[0];
    const page = await open(file, options);
    await page.evaluate(axe);
    const look = async (what) => {
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      assert.deepEqual(violations.map((v) => `${what}: ${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join('; ')}`), []);
    };
    await look('at the beginning');
    await page.locator('details').evaluateAll((all) => all.forEach((d) => { d.open = true; }));
    await refused(page);
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press(' ');
    await page.waitForTimeout(50);
    await page.keyboard.press(' ');
    await drawn(page);
    await look('in the middle');
    await page.locator('body').press('?');
    await look('keys');
    await page.keyboard.press('Escape');
    if (file.startsWith('ping')) {
      await page.keyboard.press('q');
      await page.locator('dialog.quiz[open]').waitFor();
      await look('quiz');
    }
    await close(page);
  });
}

const sizes = [['laptop', 1280, 800], ['projector', 1920, 1080], ['wide', 2560, 1440], ['tablet', 820, 1180], ['phone', 390, 844], ['small-phone', 360, 640]];

for (const [file, colorScheme] of [['ping.html', 'light'], ['ping.ja.html', 'dark'], ['crowd.html', 'light'], ['hostile.html', 'dark']]) {
  test(`${file} from a phone to a projector`, async () => {
    const page = await open(file, { colorScheme });
    for (const [name, width, height] of sizes) {
      await page.setViewportSize({ width, height });
      await refused(page);
      await drawn(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name}: ${wide} px are needed, there are ${width}`);
      if (file.startsWith('ping') && width >= 1280) {
        const bottom = await page.locator('#lanes').evaluate((n) => n.getBoundingClientRect().bottom);
        assert.ok(bottom <= height, `${name}: the timeline ends at ${bottom} of ${height} px`);
      }
      await shot(page, `${file.replace('.html', '')}-${colorScheme}-${name}`);
    }
    await close(page);
  });
}

test('nothing that matters is cut', async () => {
  const page = await open('ping.html');
  const cut = (selector) => page.locator(selector).evaluateAll((all) => all.filter((n) => n.scrollWidth > n.clientWidth).map((n) => n.textContent));
  await refused(page);
  assert.equal(await page.locator('.row[data-gone]:visible').count(), 2);
  assert.deepEqual(await cut('.row[data-gone] .text:visible'), []);
  await page.setViewportSize({ width: 390, height: 844 });
  await drawn(page);
  assert.deepEqual(await cut('#predicted .scroll'), []);
  await close(page);
});

test('in Japanese', async () => {
  const page = await open('ping.ja.html');
  await refused(page);
  const text = await page.locator('#caption').innerText();
  assert.match(text, /実験 3/);
  assert.match(text, /新規 \(NEW\).*デフォルト拒否/);
  await page.getByRole('button', { name: 'English' }).click();
  await drawn(page);
  assert.match(await page.locator('#caption').innerText(), /is NEW to A/);
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  await close(page);
});

test('light and dark, by the system and by the button', async () => {
  const page = await open('ping.html', { colorScheme: 'dark' });
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const dark = await ground();
  await page.getByRole('button', { name: 'Light or dark' }).click();
  const light = await ground();
  assert.notEqual(light, dark);
  await page.emulateMedia({ colorScheme: 'light' });
  assert.equal(await ground(), light);
  await page.getByRole('button', { name: 'Light or dark' }).click();
  assert.equal(await ground(), dark);
  await close(page);
});

test('without motion nothing flies', async () => {
  const page = await open('ping.html', { reducedMotion: 'reduce' });
  const places = new Set();
  for (let t = 2; t < 5; t += 0.1) {
    await seek(page, t);
    for (const place of await page.locator('.packet[visibility=visible]').evaluateAll((all) => all.map((n) => n.getAttribute('transform')))) places.add(place);
  }
  assert.ok(places.size > 0 && places.size < 9, `a packet is seen at ${places.size} places`);
  await close(page);
});

test('printed', async () => {
  const page = await open('ping.html');
  await refused(page);
  await page.emulateMedia({ media: 'print' });
  assert.ok(await page.locator('#player').isHidden());
  assert.ok(await page.locator('#why').isVisible());
  await close(page);
});
