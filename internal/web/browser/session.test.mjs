// A record without predictions, in which rules come, go and come back.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, length, open, read, seek, until } from './page.mjs';

const words = (page) => page.locator('#caption .words').innerText();

test('says of nothing that it was as predicted', async () => {
  const page = await open('session.html', {}, '');
  assert.equal(await page.locator('#predicted').innerText(), 'Predicted and observed\n\nNo predictions were made.');
  assert.ok(await page.locator('#watch').isHidden(), 'there is nothing to ask');
  await page.keyboard.press('q');
  assert.ok(await page.locator('#poster').isVisible(), 'and it does not play');
  await close(page);
});

test('a host that has left all groups carries none', async () => {
  const page = await open('session.html');
  const told = new Set();
  const groups = new Set();
  const end = await length(page);
  for (let t = 0; t <= end; t += 0.5) {
    await seek(page, t);
    told.add(await words(page));
    groups.add(await page.locator('.host:has(h2:text-is("h1")) .groups').innerText());
  }
  assert.ok([...told].includes('h1 is now in no group. The rules of group lab no longer apply; remembered flows stay.'), [...told].join('\n'));
  assert.deepEqual([...groups], ['group lab', 'no group']);
  assert.ok([...told].includes('Prefix list office is now 192.0.2.0/24. Remembered flows stay.'), [...told].join('\n'));
  await close(page);
});

test('the rows of a network ACL are in the order in which they are asked', async () => {
  const page = await open('session.html');
  const rows = (direction) => page.locator(`.host:has(h2:text-is("h1")) [data-direction=${direction}] .row:visible .name`).allInnerTexts();
  const end = await length(page);
  for (let t = 0; !(await rows('ingress')).includes('ACL 100'); t += 0.5) await seek(page, t);
  assert.deepEqual(await rows('egress'), ['ACL *', 'established', 'default deny']);
  await seek(page, end);
  assert.deepEqual(await rows('ingress'), ['ACL 50', 'ACL 100', 'ACL *', 'established', 'icmp', 'default deny']);
  assert.deepEqual(await rows('egress'), ['ACL 100', 'ACL *', 'established', 'default deny']);
  await close(page);
});

test('a rule that came back was gone before', async () => {
  const page = await open('session.html');
  const told = new Set();
  const end = await length(page);
  for (let t = 0; t <= end; t += 0.5) {
    await seek(page, t);
    told.add(await words(page));
  }
  assert.ok([...told].includes('Packet 2 of stream 1 is NEW to h1, and no rule matches: dropped. (group "lab" was removed from h1 in experiment 1)'), [...told].join('\n'));
  await close(page);
});

test('the keys of a table that scrolls are its own', async () => {
  const page = await open('session.html', { viewport: { width: 390, height: 844 } });
  await page.getByText('about this run').click();
  await page.locator('.scroll:visible').first().focus();
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.locator('#story').isHidden(), 'no packet is chosen');
  await close(page);
});

test('a packet that is stepped to is heard of, whether it is news or not', async () => {
  const page = await open('ping.html', { reducedMotion: 'reduce' });
  const heard = () => page.locator('#live-region').textContent();
  for (let seq = 1; seq <= 5; seq++) {
    await page.keyboard.press('ArrowRight');
    assert.equal(await heard(), `Packet ${seq} of stream 1: answered`);
  }
  await close(page);
});

test('live, a change of the rules is heard of among packets', async () => {
  const page = await open('fed.html');
  await page.evaluate(() => {
    globalThis.heard = [];
    const region = document.getElementById('live-region');
    new MutationObserver(() => globalThis.heard.push(region.textContent)).observe(region, { childList: true, characterData: true, subtree: true });
  });
  const events = read('ping.jsonl').trim().split('\n').map((line) => JSON.parse(line));
  const revoked = events.findIndex((e) => e.kind === 'rule_revoked');
  await page.evaluate((part) => globalThis.fed.narrate(part), JSON.parse(read('ping.narration.json')));
  // As in a live lab: the steps after the revocation do not wait until it has been shown.
  for (let i = 0; i <= revoked + 40; i += 20) {
    await page.evaluate((some) => globalThis.fed.append(some), events.slice(i, Math.min(i + 20, revoked + 41)));
    await page.waitForTimeout(30);
  }
  await until(page, () => globalThis.heard.some((text) => text.startsWith('Rule "icmp"')));
  await close(page);
});

test('live, the time of an entry runs down while nothing happens', async () => {
  const page = await open('fed.html');
  const at = (ns, seq, kind, body) => ({ seq, at_ns: ns, experiment: 0, kind, body });
  const orig = { protocol: 1, source: '10.0.0.2', destination: '10.0.0.1', icmp_id: 7 };
  await page.evaluate((events) => {
    events[0].body.started = new Date(Date.now() - 2000).toISOString();
    globalThis.fed.append(events);
  }, [
    at(0, 1, 'begun', { scenario: 'x', interval_ns: 1e9, hosts: [{ name: 'A', address: '10.0.0.1/16', groups: ['lab'] }, { name: 'B', address: '10.0.0.2/16', groups: ['lab'] }] }),
    at(1, 2, 'ready', {}),
    at(2e9, 3, 'entry_changed', { host: 'A', change: 'new', entry: { id: 5, orig, status: ['SEEN_REPLY'], timeout_ns: 30e9, mark: 0 } }),
  ]);
  await until(page, () => parseFloat(document.querySelector('.entry .left')?.textContent) < 29.3);
  await page.keyboard.press(' '); // paused, it does not move
  await page.evaluate(() => globalThis.fed.append([{ seq: 4, at_ns: 3e9, experiment: 0, kind: 'ended', body: {} }]));
  await close(page);
});

test('Japanese has no spaces between its words', async () => {
  const page = await open('session.ja.html');
  const end = await length(page);
  for (let t = 0; t <= end; t += 0.5) {
    await seek(page, t);
    assert.doesNotMatch(await words(page), /[\u3041-\u30ff\u4e00-\u9fff] [\u3041-\u30ff\u4e00-\u9fff]/);
  }
  await close(page);
});
