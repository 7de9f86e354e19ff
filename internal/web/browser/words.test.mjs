// Texts: names, numbers and times that do not puzzle.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, decided, drawn, length, open, plain, seek, until } from './page.mjs';

// lab opens a live page of two hosts, with one packet of a stream that is called "in".
async function lab() {
  const page = await open('fed.html');
  let seq = 0;
  const at = (s, kind, body) => ({ seq: ++seq, at_ns: s * 1e9, experiment: 0, kind, body });
  const verdict = { host: 'A', direction: 'ingress', stream: 'in', seq: 1, state: 'new', accepted: true, ...decided('icmp 10.0.0.2 > 10.0.0.1 type 8 id 7 seq 0', 'icmp', 1) };
  await page.evaluate((events) => globalThis.fed.append(events), [
    at(0, 'begun', { scenario: 'x', interval_ns: 1e9, hosts: [{ name: 'A', address: '10.0.0.1/16', groups: ['lab'] }, { name: 'B', address: '10.0.0.2/16', groups: [] }] }),
    at(0, 'rule_authorized', { number: 1, id: 'icmp', group: 'lab', direction: 'ingress', text: 'icmp 10.0.0.0/16', protocol: 1, from: -1, to: -1, peer: '10.0.0.0/16', hosts: ['A'] }), at(0, 'ready', {}),
    at(85, 'stream_started', { stream: 'in', protocol: 1, from: 'B', to: 'A', source: '10.0.0.2', target: '10.0.0.1', icmp_id: 7 }),
    at(85, 'sent', { stream: 'in', seq: 1 }), at(85, 'judged', verdict), at(85, 'replied', { stream: 'in', seq: 1, rtt_ns: 1e6 }),
  ]);
  return page;
}

test('live, a packet is told of by the names and times of the lab', async () => {
  const page = await lab();
  await page.keyboard.press('ArrowRight');
  await page.locator('#story h2').waitFor();
  const story = plain(await page.locator('#story').innerText());
  assert.match(story, /^Packet 1 of stream in: answered/);
  assert.match(story, /Sent by B to A, 85\.000 s after the lab started\./);
  assert.doesNotMatch(story, /experiment|seq 0/);
  assert.match(story, /icmp 10\.0\.0\.2 > 10\.0\.0\.1 id 7 echo request/);
  assert.match(await page.locator('.time').innerText(), /^0:0\d \/ 0:01 · 8\d\.\d{3} s after the lab started$/);
  await close(page);
});

test('live, no key is told of that has nothing to do', async () => {
  const keys = async (page) => {
    await page.keyboard.press('?');
    return page.locator('.keys kbd').allInnerTexts();
  };
  const page = await lab();
  assert.deepEqual((await keys(page)).filter((key) => ['q', '[ ]', '1 – 9'].includes(key)), []);
  assert.ok(await page.locator('[data-name=next]').isHidden());
  await close(page);
  const film = await open('ping.html');
  assert.equal((await keys(film)).filter((key) => ['q', '[ ]', '1 – 9'].includes(key)).length, 3);
  await close(film);
});

test('the beginning of an experiment is heard', async () => {
  const page = await open('ping.html');
  await page.keyboard.press('2');
  await until(page, () => document.getElementById('live-region').textContent === 'Experiment 2: the ICMP rule is revoked – revoke rule icmp of group lab');
  await close(page);
});

test('in Japanese, a row has the words of the sentences', async () => {
  const page = await open('ping.ja.html');
  for (const width of [1280, 360]) {
    await page.setViewportSize({ width, height: 800 });
    await seek(page, 20);
    await drawn(page);
    const rows = page.locator('.host:has(h2:text-is("A")) [data-direction=ingress]');
    for (const [kind, text] of [['established', 'established 確立済み'], ['deny', 'default deny 暗黙の拒否']]) {
      const row = rows.locator(`.row[data-kind=${kind}]`);
      assert.equal(plain(await row.innerText()).trim(), text);
      assert.ok(await row.locator('.text').evaluate((n) => n.scrollWidth <= n.clientWidth), `${width} px: ${text} is cut`);
    }
  }
  await close(page);
});

test('words of the trade are explained where they stand', async () => {
  const page = await open('ping.html');
  const meaning = page.locator('.meaning');
  await page.getByRole('button', { name: 'conntrack', exact: true }).click();
  assert.equal(plain(await meaning.innerText()), "conntrack Linux's connection tracking: it remembers every flow that was accepted.");
  await page.keyboard.press('Escape');
  assert.ok(await meaning.isHidden());
  assert.equal(await page.locator('.term').count(), 8);
  await seek(page, await length(page) * 0.56);
  await page.locator('.row[data-kind=deny] .name').first().click();
  assert.match(await meaning.innerText(), /^default deny\s+What no rule allows is dropped\.$/);
  const { left, right } = await meaning.evaluate((n) => n.getBoundingClientRect());
  assert.ok(left >= 0 && right <= 1280);
  const coloured = await page.evaluate(() => [...CSS.highlights].map(([name, ranges]) => [name, ...[...ranges].map(String)]));
  assert.deepEqual(coloured, [['stream-1', 'stream 2']]);
  await close(page);
});
