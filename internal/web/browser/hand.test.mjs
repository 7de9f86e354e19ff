// Packets without a stream: from programs that the user runs in a host.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decided, narration, open, close, drawn, seek, length, until } from './page.mjs';

const words = (page) => page.locator('#caption .words').innerText();
const numbers = { icmp: 1, out: 2 };
const orig = { protocol: 1, source: '10.0.0.2', destination: '10.0.0.1', icmp_id: 7 };

// lab opens a live page of a lab that began that many seconds ago, and returns what feeds it.
async function lab(ago = 0, [a, b] = ['10.0.0.1/16', '10.0.0.2/16']) {
  const page = await open('fed.html');
  let seq = 0;
  const feed = {
    page,
    rule: { number: 1, id: 'icmp', group: 'lab', direction: 'ingress', text: 'icmp 10.0.0.0/16', protocol: 1, from: -1, to: -1, peer: '10.0.0.0/16', hosts: ['A'] },
    at: (s, kind, body) => ({ seq: ++seq, at_ns: s * 1e9, experiment: 0, kind, body }),
    append: (...events) => page.evaluate((all) => globalThis.fed.append(all), events.flat()),
    // says is what the lab says about an event, in pieces.
    says: ({ seq: event }, words, more) => page.evaluate((part) => { globalThis.fed.narrate(null); globalThis.fed.narrate(part); }, narration([event, words, more])),
    judged: (s, host, direction, packet, state, by) => feed.at(s, 'judged', { host, direction, state, accepted: by !== 'default-deny', ...decided(packet, by, numbers[by]) }),
    entry: (s, change, more = {}) => feed.at(s, 'entry_changed', { host: 'A', change, entry: { id: 5, orig, status: [], timeout_ns: 30e9, mark: 1, ...more } }),
    // ping returns what two hosts report about an echo: the destination's report comes first.
    ping: (s, n, by, id = 7) => {
      const there = `icmp 10.0.0.2 > 10.0.0.1 type 8 code 0 id ${id} seq ${n}`;
      const back = `icmp 10.0.0.1 > 10.0.0.2 type 0 code 0 id ${id} seq ${n}`;
      const first = by === 'established' ? 'established' : 'new';
      if (by === 'default-deny') return [feed.judged(s, 'A', 'ingress', there, first, by), feed.judged(s, 'B', 'egress', there, first, 'out')];
      return [feed.judged(s, 'A', 'ingress', there, first, by), feed.judged(s, 'A', 'egress', back, 'established', 'established'), feed.judged(s, 'B', 'egress', there, first, by === 'icmp' ? 'out' : by), feed.judged(s, 'B', 'ingress', back, 'established', 'established')];
    },
  };
  await page.evaluate(() => {
    globalThis.told = [];
    for (const node of [document.querySelector('#caption .words'), document.getElementById('live-region')]) {
      new MutationObserver(() => globalThis.told.push(node.textContent)).observe(node, { childList: true, characterData: true, subtree: true });
    }
  });
  await feed.append(
    feed.at(0, 'begun', { scenario: 'x', interval_ns: 1e9, started: new Date(Date.now() - ago * 1000).toISOString(), hosts: [{ name: 'A', address: a, groups: ['lab'] }, { name: 'B', address: b, groups: ['lab'] }] }),
    feed.at(0, 'rule_authorized', feed.rule), feed.at(0, 'rule_authorized', { number: 2, id: 'out', group: 'lab', direction: 'egress', text: 'all 0.0.0.0/0', hosts: ['A', 'B'] }), feed.at(0, 'ready', {}),
  );
  return feed;
}

const told = (page) => page.evaluate(() => globalThis.told);
const hears = (page, text) => until(page, (t) => globalThis.told.filter((x) => x.startsWith(t)).length > 1, text); // in the caption, and as a screen reader hears it

test('what the lab says about an entry that comes or goes is shown and heard', async () => {
  const { page, append, says, at, entry } = await lab();
  const said = async (event, words, ...more) => {
    await append(event, ...more);
    await says(event, [words]);
    await hears(page, words);
  };
  await said(entry(1, 'new'), 'An entry is there.');
  await said(at(2, 'cut', { host: 'A', flow: orig, why: 'asked' }), 'An entry is cut.', entry(2, 'destroy'));
  await said(entry(3, 'new', { id: 6, mark: 0 }), 'Another is there.');
  await said(entry(4, 'destroy', { id: 6 }), 'It has timed out.');
  await append(entry(5, 'new', { id: 7 }));
  await drawn(page);
  assert.equal(await words(page), 'It has timed out.', 'as long as nothing else is said');
  await close(page);
});

test('a ping travels, and sets back the time of its entry', async () => {
  const { page, append, ping, entry } = await lab(20);
  await append(ping(1, 1, 'icmp'), entry(1, 'new'), entry(1, 'update', { status: ['SEEN_REPLY'] }));
  await until(page, () => parseFloat(document.querySelector('.entry .left')?.textContent) < 20);
  await append(ping(20, 2, 'established'));
  await until(page, () => parseFloat(document.querySelector('.entry .left').textContent) > 25);
  await page.keyboard.press(' ');
  await seek(page, 0.55); // the film begins with the first packet
  assert.deepEqual(await page.locator('.row[data-lit=accept] .name').allInnerTexts(), ['out', 'icmp']);
  assert.equal(await page.locator('.packet[visibility=visible]:not([data-reply])').count(), 1);
  await seek(page, 0.9);
  assert.equal(await page.locator('.packet[visibility=visible][data-reply]').count(), 1);
  await close(page);
});

test('a ping that is dropped dies at the gate', async () => {
  const { page, append, at, rule, ping, entry } = await lab();
  await append(ping(1, 1, 'icmp'), entry(1, 'new'), at(2.5, 'rule_revoked', rule), ping(4, 1, 'default-deny', 8));
  await page.keyboard.press(' ');
  await seek(page, 4 - 1 + 1.15);
  assert.equal(await page.locator('.packet[data-dead]').count(), 1);
  assert.deepEqual(await page.locator('.row[data-lit=drop] .name').allInnerTexts(), ['default deny']);
  assert.equal(await page.locator('.names p').count(), 0, 'it has no lane');
  await page.keyboard.press('ArrowRight');
  assert.ok(await page.locator('#story').isHidden(), 'it has no story');
  await close(page);
});

test('of what is said about a packet, what decides counts, and otherwise what came first on its way', async () => {
  const { page, append, ping, at } = await lab();
  const first = ping(1, 1, 'icmp');
  const second = ping(3, 2, 'default-deny');
  await append(first, second, at(4, 'ended', {}));
  const [arrival, reply] = first;
  const [drop, departure] = second;
  await page.evaluate((part) => globalThis.fed.narrate(part), narration(
    [reply.seq, ['It comes back.']], [arrival.seq, ['Ping ', 'seq', ' arrives.'], { tone: 'accept' }],
    [departure.seq, ['It leaves.']], [drop.seq, ['Ping ', 'seq', ' is dropped.'], { tone: 'drop', decides: true }],
  ));
  await seek(page, 0.6);
  assert.equal(await words(page), 'Ping 1 arrives.');
  assert.equal(await page.locator('#caption').getAttribute('data-tone'), 'accept');
  await seek(page, 2.5);
  assert.equal(await words(page), 'Ping 2 is dropped.');
  assert.equal(await page.locator('#caption').getAttribute('data-tone'), 'drop');
  await close(page);
});

test('a connection of IPv6 is one flow, whoever sends', async () => {
  const { page, append, judged, at } = await lab(0, ['fd00::1/64', 'fd00::2/64']);
  const key = { protocol: 6, source: 'fd00::2', destination: 'fd00::1', source_port: 4000, destination_port: 22 };
  const there = 'tcp [fd00::2]:4000 > [fd00::1]:22 ';
  const back = 'tcp [fd00::1]:22 > [fd00::2]:4000 [S.] 0 bytes';
  await append(
    judged(1, 'A', 'ingress', `${there}[S] 0 bytes`, 'new', 'icmp'), judged(1, 'B', 'egress', `${there}[S] 0 bytes`, 'new', 'out'),
    at(1, 'entry_changed', { host: 'A', change: 'new', entry: { id: 5, orig: key, status: [], timeout_ns: 30e9, mark: 1 } }),
    judged(3, 'A', 'egress', back, 'established', 'established'), judged(3, 'B', 'ingress', back, 'established', 'established'),
  );
  await page.keyboard.press(' ');
  await seek(page, 0.6);
  assert.equal(await page.locator('.packet[visibility=visible]:not([data-reply])').count(), 1);
  await seek(page, 2.6);
  assert.equal(await page.locator('.packet[visibility=visible][data-reply]').count(), 1);
  await close(page);
});

test('of a flow whose beginning was forgotten, the entry tells who asks', async () => {
  const { page, append, at, judged } = await lab(20);
  const key = { protocol: 6, source: '10.0.0.2', destination: '10.0.0.1', source_port: 4000, destination_port: 22 };
  await append(at(1, 'entry_changed', { host: 'A', change: 'new', entry: { id: 5, orig: key, status: ['SEEN_REPLY'], timeout_ns: 30e9, mark: 1 } }));
  await until(page, () => parseFloat(document.querySelector('.entry .left')?.textContent) < 20);
  const back = 'tcp 10.0.0.1:22 > 10.0.0.2:4000 [.] 0 bytes';
  await append(judged(20, 'A', 'egress', back, 'established', 'established'), judged(20, 'B', 'ingress', back, 'established', 'established'));
  await until(page, () => parseFloat(document.querySelector('.entry .left').textContent) > 25);
  await page.keyboard.press(' ');
  await seek(page, 19.6);
  assert.equal(await page.locator('.packet[visibility=visible][data-reply]').count(), 1);
  await close(page);
});

test('the packets by which a lab proves itself are not shown, even if they are heard of late', async () => {
  const { page, append, at, judged } = await lab();
  const packet = 'udp 10.0.0.2:4000 > 10.0.0.1:9';
  await append(at(0, 'canary_dropped', { host: 'A', packet: decided(packet).packet }), judged(1, 'B', 'egress', packet, 'new', 'out'), judged(1, 'A', 'ingress', packet, 'new', 'default-deny'));
  await append(at(1, 'entry_changed', { host: 'B', change: 'new', entry: { id: 5, orig: { protocol: 17, source: '10.0.0.2', destination: '10.0.0.1', source_port: 4000, destination_port: 9 }, status: [], timeout_ns: 30e9, mark: 0 } }));
  await append(at(2, 'stream_started', { stream: '1', protocol: 1, from: 'B', to: 'A', source: '10.0.0.2', target: '10.0.0.1', icmp_id: 9 }));
  await until(page, () => document.querySelector('.names p'));
  await seek(page, await length(page) - 0.1);
  assert.equal(await page.locator('.packet').count() + await page.locator('.entry').count(), 0);
  await close(page);
});

test('what a host sends to itself does not come to its gate, and is remembered as ever', async () => {
  const { page, append, at, judged } = await lab(20);
  const packet = 'udp 127.0.0.1:4000 > 127.0.0.1:53';
  const key = { protocol: 17, source: '127.0.0.1', destination: '127.0.0.1', source_port: 4000, destination_port: 53 };
  const both = (s, state, by) => [judged(s, 'A', 'egress', packet, state, by), judged(s, 'A', 'ingress', packet, state, by)];
  await append(both(1, 'new', 'loopback'), at(1, 'entry_changed', { host: 'A', change: 'new', entry: { id: 5, orig: key, status: [], timeout_ns: 30e9, mark: 0 } }));
  await until(page, () => parseFloat(document.querySelector('.entry .left')?.textContent) < 20);
  await append(both(20, 'established', 'established'));
  await until(page, () => parseFloat(document.querySelector('.entry .left').textContent) > 25);
  for (const t of [0.2, 0.6, 1]) {
    await seek(page, t);
    assert.equal(await page.locator('.packet, .row[data-lit]').count(), 0);
  }
  assert.deepEqual((await told(page)).filter((text) => !text.startsWith('The lab is ready.')), []);
  await close(page);
});

test('what a host sends to itself takes no time of the film', async () => {
  const page = await open('fed.html');
  const [without, together] = await page.evaluate(() => [false, true].map((loopback) => {
    const model = new globalThis.Model();
    let seq = 0;
    const at = (s, kind, body) => model.append({ seq: ++seq, at_ns: s * 1e9, experiment: 1, kind, body });
    const judged = (s, host, direction, packet) => at(s, 'judged', { host, direction, state: 'established', accepted: true, ...globalThis.decided(packet, 'established') });
    at(0, 'begun', { scenario: 'x', interval_ns: 1e9, hosts: [{ name: 'A', address: '10.0.0.1/16' }, { name: 'B', address: '10.0.0.2/16' }] });
    at(0, 'ready', {});
    for (let s = 1; s < 26; s += 0.05) {
      for (const [host, direction] of [['B', 'egress'], ['A', 'ingress']]) judged(s, host, direction, 'tcp 10.0.0.2:4000 > 10.0.0.1:22 [.] 0 bytes');
      for (const direction of loopback ? ['egress', 'ingress'] : []) judged(s + 0.025, 'A', direction, 'udp 127.0.0.1:4000 > 127.0.0.1:53');
    }
    const film = new globalThis.Film(model, false);
    film.schedule();
    return film.length;
  }));
  assert.ok(without > 10);
  assert.equal(together, without);
  await close(page);
});

test('a flood is drawn, packet by packet up to a limit', async () => {
  const { page } = await lab(5);
  const { frames, most } = await page.evaluate(async () => {
    let seq = 10, most = 0;
    const judged = (s, host, direction, packet, accepted) => ({ seq: ++seq, at_ns: s * 1e9, experiment: 0, kind: 'judged', body: { host, direction, state: accepted ? 'established' : 'new', accepted, ...globalThis.decided(packet, accepted ? 'established' : 'default-deny') } });
    const took = [];
    for (let i = 0; i < 50_000;) { // 5 s of one connection, with a packet of another flow every hundred packets
      const events = [];
      for (let k = 0; k < 500; k++, i++) {
        const packet = i % 100 ? `tcp 10.0.0.2:4000 > 10.0.0.1:22 [.] ${i % 5} bytes` : `udp 10.0.0.2:${4000 + i / 100} > 10.0.0.1:53`;
        events.push(judged(i / 10_000, 'A', 'ingress', packet, i % 100 > 0), judged(i / 10_000, 'B', 'egress', packet, true));
      }
      const before = performance.now();
      globalThis.fed.append(events);
      await new Promise(requestAnimationFrame);
      took.push(performance.now() - before);
      most = Math.max(most, document.querySelectorAll('.packet[visibility=visible]').length);
    }
    return { frames: took.sort((a, b) => a - b), most };
  });
  console.log(`frames: median ${frames[50].toFixed(1)} ms, longest ${frames.at(-1).toFixed(1)} ms`);
  await drawn(page);
  assert.ok(most > 20, `${most} packets are seen at once`);
  assert.ok(await page.locator('.packet').count() <= 48);
  await close(page);
});

test('a record of what somebody did says what was', async () => {
  const page = await open('byhand.html');
  const said = [];
  const end = await length(page);
  for (let t = 0; t <= end; t += 0.2) {
    await seek(page, t);
    const now = await words(page);
    if (now !== said.at(-1)) said.push(now);
  }
  assert.deepEqual(said.slice(1), [
    'Ping 1 from h2 to h1 is NEW to h1: it remembers no such flow. It checks its rules. Rule "icmp" matches: accepted, and remembered.',
    'Ping 2 from h2 to h1 is ESTABLISHED: h1 remembers this flow. It is accepted without checking the rules.',
    'Rule "icmp" (icmp 10.0.0.0/16) is revoked. The conntrack entries stay.',
    'Ping 3 from h2 to h1 is ESTABLISHED: h1 remembers this flow. It is accepted without checking the rules. (rule "icmp" was revoked in experiment 1) The rule that admitted it no longer matches. The memory stays.',
    'Ping 1 from h2 to h1 is NEW to h1, and no rule matches: dropped. (rule "icmp" was revoked in experiment 1)',
    'An entry is deleted on h1. The next packet of the flow will count as new.',
    'h1 remembers a new flow, icmp 10.0.0.2 > 10.0.0.1 id 9, admitted by rule "icmp".',
    'Nothing is sent for 3.0 s. The timeouts of the entries run down.',
    'An entry has timed out and is forgotten.',
    'Nothing is sent for 2.5 s.',
  ]);
  await close(page);
});

test('many entries that come and go together make no long film', async () => {
  const page = await open('fed.html');
  const length = await page.evaluate(() => {
    const model = new globalThis.Model();
    let seq = 0;
    const at = (s, kind, body) => model.append({ seq: ++seq, at_ns: s * 1e9, experiment: 1, kind, body });
    at(0, 'begun', { scenario: 'x', interval_ns: 1e9, hosts: [{ name: 'A', address: '10.0.0.1/16' }, { name: 'B', address: '10.0.0.2/16' }] });
    at(0, 'ready', {});
    for (let i = 0; i < 2000; i++) { // four packets per second; the entries of the first thousand expire between the others
      const s = 1 + i / 4;
      at(s, 'judged', { host: 'A', direction: 'ingress', state: 'established', accepted: true, ...globalThis.decided('tcp 10.0.0.2:4000 > 10.0.0.1:22 [.] 0 bytes', 'established') });
      const entry = { id: i % 1000, orig: { protocol: 17, source: '10.0.0.2', destination: '10.0.0.1', source_port: 1000 + i % 1000, destination_port: 53 }, status: [], timeout_ns: 30e9, mark: 0 };
      at(s + 0.12, 'entry_changed', { host: 'A', change: i < 1000 ? 'new' : 'destroy', entry });
    }
    const film = new globalThis.Film(model, false);
    film.schedule();
    return film.length;
  });
  assert.ok(length > 20 && length < 90, `${length} s`);
  await close(page);
});

test('of quick pings the second kind is shown too, when there is time', async () => {
  const { page, append, ping } = await lab(5);
  const pings = [];
  for (let n = 1; n <= 8; n++) pings.push(ping(1 + n / 5, n, n === 1 ? 'icmp' : 'established'));
  for (const events of pings) await append(events);
  await page.evaluate((part) => globalThis.fed.narrate(part), narration(...pings.map(([{ seq }]) => [seq, ['Ping ', 'seq', ' arrives.']])));
  await until(page, () => globalThis.told.some((x) => /^Ping 1 /.test(x)), 'the first');
  await until(page, () => globalThis.told.some((x) => /^Ping [67] /.test(x)), 'one of the others');
  await close(page);
});
