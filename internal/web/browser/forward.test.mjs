// A host that forwards, and replaces addresses.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read, seek, length, shot, until } from './page.mjs';

const events = read('nat.jsonl').trim().split('\n').map((line) => JSON.parse(line));

test('a packet goes from host to host', async () => {
  const page = await open('fed.html');
  const legs = await page.evaluate((all) => {
    const m = new globalThis.Model();
    for (const e of all) m.append(e);
    const verdict = (v) => (v ? `${v.accepted ? '' : '!'}${v.rule}` : '');
    return m.streams.get('first').packets.map(({ step }) => step.legs.map((l) => `${l.from}>${l.to} ${verdict(l.egress)} ${verdict(l.ingress)}`));
  }, events);
  assert.deepEqual(legs[0].slice(0, 2), ['B>nat client-out from-network', 'nat>web !default-deny ']);
  const way = (there, back) => ['B', 'nat', 'web', 'nat', 'B'].slice(0, -1).map((from, i, hosts) => `${from}>${hosts[i + 1] ?? 'B'} ${i < 2 ? there : back} ${i < 2 ? there : back}`);
  assert.deepEqual(legs.at(-1), way('established', 'established'));
  await close(page);
});

test('an entry behind it belongs to the stream', async () => {
  const page = await open('fed.html');
  const entries = await page.evaluate((all) => {
    const m = new globalThis.Model();
    for (const e of all) m.append(e);
    return m.entries.filter((e) => e.stream?.stream === 'first').map((e) => [e.host, e.orig.source]);
  }, events);
  assert.deepEqual(entries.sort(), [['B', '10.1.0.10'], ['nat', '10.1.0.10'], ['web', '10.2.0.1']]);
  await close(page);
});

test('three hosts and what is said about the one between', async () => {
  const page = await open('nat.html');
  assert.equal(await page.locator('.host:has(h2:text-is("nat")) .address').innerText(), '10.1.0.1 10.2.0.1');
  const told = new Set();
  const end = await length(page);
  for (let t = 0; t <= end; t += 0.25) {
    await seek(page, t);
    told.add(await page.locator('#caption .words').innerText());
  }
  const has = (words) => assert.ok([...told].some((s) => s.includes(words)), `${words}\n${[...told].join('\n')}`);
  has('of stream first does not leave nat: dropped. No outbound rule matches.');
  has('Packet 6 of stream first is NEW to nat: it remembers no such flow. It checks its rules. Rule "from-network" matches: accepted, and remembered.');
  await seek(page, end);
  await until(page, () => document.querySelectorAll('.entry:not([data-dead])').length >= 3);
  await shot(page, 'nat');
  await close(page);
});
