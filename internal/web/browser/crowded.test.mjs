// A list with more rules than fit.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, decided, drawn, open, seek, until } from './page.mjs';

// lab opens a live page of two hosts, where A has these rules at first, and returns what feeds it.
async function lab(rules) {
  const page = await open('fed.html');
  let seq = 0;
  const feed = {
    page,
    at: (s, kind, body) => ({ seq: ++seq, at_ns: s * 1e9, experiment: 0, kind, body }),
    rule: (number, id) => ({ number, id, group: 'lab', direction: 'ingress', text: `${id} 10.0.0.0/16`, hosts: ['A'] }),
    append: (events) => page.evaluate((all) => globalThis.fed.append(all), events),
    names: () => page.locator('.host:has(h2:text-is("A")) [data-direction=ingress] .row[data-kind=rule]:visible').evaluateAll((all) => all.map((r) => (r.dataset.gone ? '-' : '') + r.children[0].textContent)),
    more: () => page.locator('.host:has(h2:text-is("A")) [data-direction=ingress] .row[data-kind=more]:visible').allInnerTexts(),
    judged: (s, n, rule) => [feed.at(s, 'sent', { stream: '1', seq: n }), feed.at(s, 'judged', { host: 'A', direction: 'ingress', stream: '1', seq: n, state: 'new', accepted: true, ...decided('icmp 10.0.0.2 > 10.0.0.1 type 8 id 7 seq 0', rule.id, rule.number) })],
  };
  await feed.append([
    feed.at(0, 'begun', { scenario: 'x', interval_ns: 1e9, hosts: [{ name: 'A', address: '10.0.0.1/16', groups: ['lab'] }, { name: 'B', address: '10.0.0.2/16', groups: [] }] }),
    ...rules.map((id, i) => feed.at(0, 'rule_authorized', feed.rule(i + 1, id))), feed.at(0, 'ready', {}),
    feed.at(1, 'stream_started', { stream: '1', protocol: 1, from: 'B', to: 'A', source: '10.0.0.2', target: '10.0.0.1', icmp_id: 7 }),
  ]);
  return feed;
}

test('rules in force are shown, however often others were revoked', async () => {
  const feed = await lab(['icmp', 'ssh', 'dns', 'web']);
  const { page } = feed;
  const orig = { protocol: 1, source: '10.0.0.2', destination: '10.0.0.1', icmp_id: 7 };
  const first = feed.rule(1, 'icmp');
  // The first rule admits an entry that lives on, and each rule is used before it is revoked.
  const events = [...feed.judged(2, 1, first), feed.at(2, 'entry_changed', { host: 'A', change: 'new', entry: { id: 5, orig, status: [], timeout_ns: 3600e9, mark: 1 } })];
  for (let i = 1; i <= 9; i++) {
    events.push(...feed.judged(10 * i, i + 1, feed.rule(i === 1 ? 1 : i + 3, 'icmp')));
    events.push(feed.at(10 * i + 1, 'rule_revoked', feed.rule(i === 1 ? 1 : i + 3, 'icmp')), feed.at(10 * i + 2, 'rule_authorized', feed.rule(i + 4, 'icmp')));
  }
  events.push(feed.at(120, 'rule_revoked', feed.rule(2, 'ssh')), feed.at(200, 'stream_stopped', { stream: '1' }));
  await feed.append(events);
  await until(page, () => document.querySelector('.entry'));
  await drawn(page);
  assert.deepEqual(await feed.names(), ['-icmp', '-ssh', 'dns', 'web', '-icmp', '-icmp', 'icmp']);
  assert.deepEqual((await feed.more()).map((text) => text.trim()), ['and 6 more']);
  assert.match(await page.locator('.entry .by').innerText(), /icmp \(since revoked\)/);
  assert.equal(await page.locator('.link[data-gone]').count(), 1, 'a line leads to the rule that admitted it');
  await page.keyboard.press('l');
  await drawn(page);
  assert.deepEqual((await feed.more()).map((text) => text.trim()), ['ほか 6 件']);
  await close(page);
});

test('a rule that judges a packet is shown meanwhile', async () => {
  const ids = Array.from({ length: 12 }, (x, i) => `r${i + 1}`);
  const feed = await lab(ids);
  const { page } = feed;
  const packets = ids.flatMap((id, i) => feed.judged(2 + 10 * i, i + 1, feed.rule(i + 1, id)));
  await feed.append([...packets, feed.at(200, 'ended', {})]);
  await page.keyboard.press(' '); // paused
  for (const i of [0, 8, 11]) {
    await seek(page, 2 + 10 * i + 0.1); // the film begins with the stream
    const names = await feed.names();
    assert.ok(names.includes(`r${i + 1}`), `r${i + 1} is not among ${names}`);
    assert.equal(await page.locator('.row[data-lit=accept]:visible .name').innerText(), `r${i + 1}`);
    assert.equal((await feed.more())[0].trim(), `and ${12 - names.length} more`);
  }
  await close(page);
});
