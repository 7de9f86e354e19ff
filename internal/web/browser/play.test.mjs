// Plays the record of the four experiments to its end, and compares everything shown with the
// report in JSON and in text.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read, shot, until, plain } from './page.mjs';

const report = JSON.parse(read('ping.json'));
const { words } = JSON.parse(read('ping.report.json'));
const text = plain(read('ping.txt'));

test('plays to the end', async () => {
  const page = await open('ping.html');
  await page.getByRole('button', { name: 'Play', exact: true }).click();
  for (let i = 0; i < 6; i++) await page.keyboard.press('ArrowUp');
  await until(page, () => document.querySelector('.slider').max - document.querySelector('.slider').value < 0.1);
  await until(page, () => !document.documentElement.dataset.playing);
  const card = plain(await page.locator('#end').innerText());
  const lessons = report.why.find((p) => p.lessons).sentences;
  assert.equal(card, [report.title, ...lessons, ...report.streams.map((s) => `stream ${s.name} ${s.received} of ${s.sent} answered`), 'See the moment', 'Watch again', 'Copy link', `Next: Does it end? lablab run next`].join(' '));
  assert.deepEqual(await page.locator('#end .runs').evaluateAll((all) => all.map((bar) => [...bar.children].map((n) => [n.dataset.good, n.style.flexGrow]))), [[['yes', '65']], [['no', '19'], ['yes', '27']]]);
  await shot(page, 'end');
  await page.getByRole('button', { name: 'See the moment' }).click();
  await until(page, () => document.getElementById('end').hidden);
  assert.match(await page.locator('#story h2').innerText(), /^Packet \d+ of stream 1: answered$/);
  await page.keyboard.press('Escape');
  await page.keyboard.press('End');
  const rows = page.locator('.names p');
  const [one] = report.streams;
  await until(page, (text) => document.querySelector('.names p').innerText.replace(/\s+/g, ' ').includes(text), `${one.received} of ${one.sent} answered`);
  for (const [i, s] of report.streams.entries()) assert.equal(plain(await rows.nth(i).innerText()), `stream ${s.name} ${s.received} of ${s.sent} answered`);
  const last = report.flows.filter((f) => f.experiment === 4 && f.stream !== null);
  assert.equal(await page.locator('.entry').count(), last.length);
  for (const host of ['A', 'B']) {
    const lists = page.locator('.host', { has: page.getByRole('heading', { name: host, exact: true }) });
    for (const flow of last.filter((f) => f.host === host)) {
      const entry = lists.locator('.entry', { hasText: `stream ${flow.stream}` });
      assert.match(plain(await entry.innerText()), new RegExp(`established .* admitted by ${flow.admitted_by}${flow.admitting_rule_revoked ? ' \\(since revoked\\)' : '$'}`));
    }
  }
  await close(page);
});

test('shows every figure of the report', async () => {
  const page = await open('ping.html');
  await page.locator('details').evaluateAll((all) => all.forEach((d) => { d.open = true; }));
  const shown = plain(await page.locator('body').innerText());
  const has = (what, why) => assert.ok(shown.includes(plain(String(what))), `${why}: ${what} is not in the page`);
  has(report.title, 'title');
  has(report.question, 'question');
  for (const p of report.why) {
    has(p.subject, 'why');
    for (const sentence of p.sentences) {
      has(sentence, 'why');
      assert.ok(text.includes(plain(sentence)), `the text report does not say: ${sentence}`);
    }
  }
  for (const x of report.experiments) for (const p of x.predictions) has(`${p.subject} ${p.predicted} ${p.observed} ${p.held ? 'proved' : 'NO'}`, `experiment ${x.number}`);
  for (const s of report.streams) {
    const statistics = await page.locator('.statistics', { hasText: `Stream ${s.name} (` }).locator('pre').innerText();
    assert.ok(text.includes(plain(statistics)), `the text report has other statistics than ${statistics}`);
    for (const figure of [s.sent, s.received, s.rtt_ms.min.toFixed(3), s.rtt_ms.avg.toFixed(3), s.rtt_ms.max.toFixed(3), s.rtt_ms.mdev.toFixed(3)]) assert.ok(statistics.includes(String(figure)), `${figure} in ${statistics}`);
    for (const v of s.verdicts) has(`${v.first === v.last ? v.first : `${v.first}–${v.last}`} ${v.packet} ${v.host} ${v.direction === 'egress' ? 'out' : 'in'} ${v.state.toUpperCase()} ${v.verdict === 'accept' ? 'accepted' : 'dropped'} ${v.rule}`, 'verdict');
  }
  for (const [i, f] of report.flows.entries()) if (f.stream !== null) has(`${f.experiment} ${f.host} ${f.stream} ${f.protocol} ${f.source} > ${f.destination} id ${f.icmp_id} ${words.en.flows[i].admitter} ${f.status.join(' ')} ${f.packets} (${f.bytes} bytes) ${f.reply_packets} (${f.reply_bytes} bytes) ${f.timeout_seconds} s`, 'flow');
  for (const c of report.counters) has(`${c.host} ${c.direction === 'egress' ? 'out' : 'in'} ${c.rule}${c.revoked ? ' (revoked)' : ''} ${c.never_hit ? 'never' : c.packets} ${c.bytes}`, 'counter');
  for (const c of report.canaries) has(`${c.host} dropped ${c.packet}`, 'canary');
  has(report.kernel, 'kernel');
  await close(page);
});

test('tells each packet as the report does', async () => {
  const page = await open('ping.html', { reducedMotion: 'reduce' });
  const wanted = report.streams.flatMap((s) => s.packets.map((p) => ({ stream: s.name, ...p })));
  const left = new Map(wanted.map((p) => [`${p.stream} ${p.seq}`, p]));
  for (let i = 0; i < wanted.length; i++) {
    await page.keyboard.press('ArrowRight');
    const told = plain(await page.locator('#story').innerText());
    const [, seq, stream, outcome] = told.match(/^Packet (\d+) of stream (\d+): (\w+)/);
    const packet = left.get(`${stream} ${seq}`);
    assert.ok(packet, `packet ${seq} of stream ${stream} comes twice`);
    left.delete(`${stream} ${seq}`);
    assert.equal(outcome, { replied: 'answered', refused: 'dropped' }[packet.outcome]);
    assert.ok(told.includes(`in experiment ${packet.experiment}`), told);
    if (packet.rtt_ms) assert.ok(told.includes(`after ${packet.rtt_ms.toFixed(packet.rtt_ms < 10 ? 3 : 0)} ms`), told);
  }
  assert.equal(left.size, 0);
  await close(page);
});
