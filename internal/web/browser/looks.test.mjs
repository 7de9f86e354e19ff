// The appearance: in both languages, light and dark, from a phone to a projector.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { open, close, read, seek, shot, drawn, length } from './page.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// refused seeks to the refusal of the first packet of stream 2.
async function refused(page) { await seek(page, await length(page) * 0.56); }

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
      await page.keyboard.press('End');
      await page.locator('#caption[data-card=ask]').waitFor();
      await look('question');
      await page.keyboard.press('1');
      for (let i = 0; i < 8; i++) await page.keyboard.press('ArrowUp');
      await page.locator('#caption[data-card=told]').waitFor();
      await look('answer');
      await page.keyboard.press(' ');
      await page.keyboard.press('End');
      await page.locator('#end').waitFor();
      await look('at the end');
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
  assert.match(text, /新規\(NEW\).*暗黙の拒否/);
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
  for (const [colorScheme, pressed] of [['light', 0], ['light', 1], ['dark', 0]]) {
    const page = await open('ping.html', { colorScheme });
    await refused(page);
    for (let i = 0; i < pressed; i++) await page.getByRole('button', { name: 'Light or dark' }).click();
    await page.emulateMedia({ media: 'print' });
    await page.locator('figure').nth(3).waitFor();
    assert.ok(await page.locator('#player').isHidden());
    assert.ok(await page.locator('#why').isVisible());
    assert.deepEqual((await page.locator('figure > h2').allInnerTexts()).map((text) => text.slice(0, 13)), [1, 2, 3, 4].map((n) => `Experiment ${n}:`));
    assert.match(await page.locator('figcaption').nth(1).innerText(), /The memory stays\.$/);
    assert.ok(await page.locator('figure').nth(1).locator('.link[data-gone]').count() > 0, 'a still has its lines');
    assert.equal(await page.locator('figure').nth(2).locator('.row[data-lit=drop]').count(), 1, 'and the verdict is lit');
    await shot(page, `printed-${colorScheme}-${pressed}`);
    assert.deepEqual(await page.locator('#evidence table').evaluateAll((all) => all.map((t) => t.checkVisibility())), [true, true, true, true], 'folds are open');
    assert.equal(await page.evaluate(() => getComputedStyle(document.body).color), 'rgb(24, 34, 51)', `dark on white: ${colorScheme}, pressed ${pressed} times`);
    await close(page);
  }
});

// faint returns the texts of the stage whose contrast is below WCAG's minimum. Texts that are
// fading out are faint on purpose.
function faint() {
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4)).reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (node) => {
    const colour = channels(getComputedStyle(node).backgroundColor);
    return colour[3] === 0 ? ground(node.parentElement) : colour;
  };
  const found = [];
  const walker = document.createTreeWalker(document.getElementById('stage'), NodeFilter.SHOW_TEXT);
  for (let text = walker.nextNode(); text; text = walker.nextNode()) {
    const node = text.parentElement;
    if (!text.data.trim() || !node.checkVisibility() || node.closest('svg, [data-dead]')) continue;
    const [a, b] = [luminance(channels(getComputedStyle(node).color)), luminance(ground(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`${node.className} ${text.data}: ${((a + 0.05) / (b + 0.05)).toFixed(2)}`);
  }
  return found;
}

test('what is written on the stage can be read', async () => {
  const orig = { protocol: 6, source: '10.0.0.9', destination: '10.0.0.1', source_port: 7, destination_port: 22 };
  const strangers = [{ id: 90, status: [] }, { id: 91, status: ['SEEN_REPLY'] }].map(({ id, status }, i) => ({ seq: 5000 + i, at_ns: 99e9, experiment: 4, kind: 'entry_changed', body: { host: 'A', change: 'new', entry: { id, orig, status, timeout_ns: 30e9, mark: 0 } } }));
  for (const colorScheme of ['light', 'dark']) {
    const page = await open('ping.html', { colorScheme, reducedMotion: 'reduce' });
    const end = await length(page);
    for (let t = 0; t < end; t += 0.7) {
      await seek(page, t);
      assert.deepEqual(await page.evaluate(faint), [], `${colorScheme}, ${t.toFixed(1)} s`);
    }
    await close(page);
    const lab = await open('fed.html', { colorScheme });
    const events = read('ping.jsonl').trim().split('\n').map((line) => JSON.parse(line));
    await lab.evaluate((all) => globalThis.fed.append(all), [...events.slice(0, -1), ...strangers]);
    await lab.getByText('started by hand').first().waitFor();
    assert.deepEqual(await lab.evaluate(faint), [], colorScheme);
    await close(lab);
  }
});
