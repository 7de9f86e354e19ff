// The page of a running lab: actions on the page take effect in the lab, and changes in the lab
// show on the page.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test, beforeEach } from 'node:test';
import { ask, besiege, between, close, lablab, lablabInBackground, live, shot, status, until, watch } from './lab.mjs';

// Each test starts with the lab as built.
beforeEach(() => lablab('load', 'ping'));

const revoke = (page, rule) => page.getByRole('button', { name: `Revoke rule ${rule} of group lab` });
const authorize = (page, rule) => page.getByRole('button', { name: `Authorize rule ${rule} of group lab again` });
const ping = (page) => page.locator('.traffic form').getByRole('button', { name: 'Start' }).click();

// tally returns how many packets of a stream were answered, out of how many, as the timeline shows
// it.
async function tally(page, stream) {
  const text = await page.locator(`.names b:text-is("stream ${stream}") + span`).textContent();
  const [, replied, sent] = /(\d+) of (\d+) answered/.exec(text) ?? [0, 0, 0];
  return { replied: Number(replied), sent: Number(sent) };
}

async function grows(page, stream, what) {
  const before = (await tally(page, stream))[what];
  for (let i = 0; i < 100; i++) {
    if ((await tally(page, stream))[what] >= before + 2) return;
    await new Promise((done) => setTimeout(done, 100));
  }
  assert.fail(`stream ${stream}: ${what} stays at ${before}`);
}

test('a ping outlives its rule, the next one is refused, and let in again', async () => {
  const page = await watch();
  await live(page);
  await ping(page);
  await grows(page, 1, 'replied');
  await revoke(page, 'icmp').focus();
  await page.keyboard.press('Enter');
  await authorize(page, 'icmp').waitFor();
  assert.ok(await authorize(page, 'icmp').evaluate((b) => b === document.activeElement), 'the focus stays where it was');
  await page.getByText('Rule icmp is revoked. Flows it admitted go on.').waitFor();
  assert.ok(!status().groups[0].rules.some((r) => r.id === 'icmp'), 'it is revoked in the lab');
  await grows(page, 1, 'replied');
  await ping(page);
  await grows(page, 2, 'sent');
  assert.equal((await tally(page, 2)).replied, 0);
  await page.locator('.row[data-gone]').getByText('icmp', { exact: true }).first().waitFor();
  await page.locator('.entry').getByText('admitted by icmp (since revoked)').waitFor();
  await shot(page, 'live');
  await authorize(page, 'icmp').click();
  await grows(page, 2, 'replied');
  const now = await tally(page, 1);
  assert.ok(now.sent - now.replied <= 1, `stream 1 has lost packets: ${JSON.stringify(now)}`);
  await close(page);
});

test('groups are swapped as fast as one can click', async () => {
  lablab('load', 'quarantine');
  const page = await watch();
  await live(page);
  const a = page.locator('.carriers fieldset').filter({ hasText: 'Groups of A' });
  await a.getByLabel('closed').waitFor();
  await a.evaluate((field) => { for (const box of field.querySelectorAll('input')) box.click(); });
  await until(page, () => [...document.querySelectorAll('.host')].some((h) => h.textContent.includes('group client, open, closed')));
  assert.deepEqual(status().hosts.find((h) => h.name === 'A').groups, ['client', 'open', 'closed']);
  await close(page);
});

test('rules of a group that no host carries', async () => {
  lablab('load', 'quarantine');
  const page = await watch();
  await live(page);
  const button = (does, rule) => page.getByRole('button', { name: `${does} rule ${rule} of group open` });
  await button('Revoke', 'all-in').click();
  await button('Revoke', 'all-in').waitFor({ state: 'detached' });
  assert.ok(await button('Revoke', 'all-out').isVisible(), 'the others stay');
  assert.deepEqual(status().groups.find((g) => g.id === 'open').rules.map((r) => r.id), ['all-out']);
  await page.getByRole('button', { name: 'Authorize rule all-in of group open again' }).click();
  await button('Revoke', 'all-in').waitFor();
  await close(page);
});

test('what another terminal does shows at once', async () => {
  const page = await watch();
  await live(page);
  lablab('revoke', 'ssh');
  await authorize(page, 'ssh').waitFor({ timeout: 2000 });
  lablab('authorize', 'ssh');
  await revoke(page, 'ssh').waitFor({ timeout: 2000 });
  lablab('groups', 'A');
  await page.getByRole('group', { name: 'Groups of A' }).getByRole('checkbox', { name: 'lab', checked: false }).waitFor({ timeout: 2000 });
  await close(page);
});

test('a ping from a terminal is seen, renews its entry, outlives its rule until it is cut, and the next is refused', async () => {
  const page = await watch();
  await live(page);
  await page.evaluate(() => {
    const words = document.querySelector('#caption .words');
    globalThis.told = [];
    new MutationObserver(() => globalThis.told.push(words.textContent)).observe(words, { childList: true, characterData: true, subtree: true });
  });
  const says = (text) => until(page, (t) => globalThis.told.some((x) => new RegExp(t).test(x)), text);
  const left = () => page.locator('.host:has(h2:text-is("A")) .entry .left').innerText().then(parseFloat);
  const ping = lablabInBackground('exec', 'B', '--', 'ping', 'A');
  await says('^Ping 1 from B to A is NEW to A: .* Rule "icmp" matches');
  await page.locator('.packet[visibility=visible]').first().waitFor();
  await says('^Ping \\d+ from B to A is ESTABLISHED');
  await page.locator('.row[data-lit=accept]').getByText('established', { exact: true }).first().waitFor();
  await until(page, () => { // each packet resets the timeout of its entry
    const left = parseFloat([...document.querySelectorAll('.host')].find((h) => h.querySelector('h2').textContent === 'A').querySelector('.entry .left').textContent);
    globalThis.jumps = (globalThis.jumps ?? 0) + (left > globalThis.left + 0.5 ? 1 : 0);
    globalThis.left = left;
    return globalThis.jumps > 2;
  });
  assert.ok(await left() > 25);
  await shot(page, 'live-hand');
  lablab('revoke', 'icmp');
  await says('^Ping \\d+ from B to A is ESTABLISHED: .* The rule that admitted it no longer matches');
  await shot(page, 'live-hand-revoked');
  lablab('cut', '--all', '--host', 'A');
  await says('^An entry is deleted on A');
  await says('^Ping \\d+ from B to A is NEW to A, and no rule matches: dropped');
  await until(page, () => document.querySelector('.packet[data-dead]')); // briefly, with each packet
  await page.locator('.row[data-lit=drop]').getByText('default deny').waitFor();
  await shot(page, 'live-hand-refused');
  ping.kill();
  assert.ok(!(await page.evaluate(() => globalThis.told)).some((text) => text.includes('timed out')));
  await close(page);
});

test('a connection that is cut comes back, and nothing is missing or there twice', async (t) => {
  const middle = await between(t);
  const page = await watch({}, middle.url);
  await live(page);
  await ping(page);
  await grows(page, 1, 'replied');
  await middle.cut();
  await page.locator('.link-state[data-how=lost]').waitFor();
  await page.locator('.panels:disabled').waitFor(); // nothing can be changed meanwhile
  lablab('revoke', 'icmp');
  lablab('exec', 'B', '--', 'sleep', '2.5'); // packets that the page misses
  await shot(page, 'live-lost');
  await middle.listen();
  await Promise.any([page.getByRole('button', { name: 'Try now' }).click(), live(page)]); // the page also tries by itself
  await live(page);
  await authorize(page, 'icmp').waitFor();
  await page.getByRole('button', { name: 'Stop stream 1' }).click();
  await page.getByText('no stream is running').waitFor();
  const { streams: [stream] } = await ask('report');
  await until(page, (n) => document.querySelector('.names').textContent.includes(`${n} of ${n} answered`), stream.received);
  assert.equal(stream.sent, stream.received);
  await middle.cut();
  await close(page);
});

test('ten browsers watch, and all see another scenario come', async () => {
  const pages = await Promise.all(Array.from({ length: 10 }, () => watch()));
  await Promise.all(pages.map(live));
  await ping(pages[0]);
  await Promise.all(pages.map((page) => page.getByRole('button', { name: 'Stop stream 1' }).waitFor()));
  await pages[3].selectOption('select[name=scenario]', 'reference');
  await pages[3].getByRole('button', { name: 'Load' }).click();
  await pages[3].getByText('Scenario reference loaded.').waitFor();
  const hosts = status().hosts.length;
  await Promise.all(pages.map((page) => until(page, (n) => document.querySelectorAll('.carriers fieldset').length === n && document.querySelectorAll('.host').length === n, hosts)));
  for (const page of pages) assert.equal(await page.getByRole('button', { name: 'Stop stream 1' }).count(), 0);
  await Promise.all(pages.map(close));
});

test('rules, groups, streams and entries by the keyboard alone', async () => {
  lablab('load', 'swap');
  const page = await watch();
  await live(page);
  const press = async (target, ...keys) => {
    await target.focus();
    for (const key of keys) await page.keyboard.press(key);
  };
  await press(page.getByText('Add a rule'), 'Enter');
  await page.getByLabel('Type').selectOption({ label: 'Custom TCP' });
  await page.getByLabel('Port range').fill('8080-8090');
  await page.getByLabel('Source').fill('192.0.2.0/24');
  await press(page.locator('.rules form').getByRole('button', { name: 'Authorize' }), 'Enter');
  await page.getByText('Rule tcp-8080-8090-192.0.2.0-24 is authorized.').waitFor();
  await press(page.locator('.rules form').getByRole('button', { name: 'Authorize' }), 'Enter');
  await page.getByRole('alert').getByText('InvalidPermission.Duplicate').waitFor();
  await page.getByLabel('Source').fill('not an address');
  await press(page.getByLabel('Source'), 'Enter');
  assert.match(await page.getByLabel('Source').evaluate((field) => field.validationMessage), /^For example 203\.0\.113\.0\/24/);
  await page.getByLabel('Source').fill('192.0.2.9');
  await press(page.getByLabel('Source'), 'Enter');
  await page.getByText('Rule tcp-8080-8090-192.0.2.9-32 is authorized.').waitFor();
  await page.getByLabel('Stream').selectOption({ label: 'UDP' });
  await press(page.locator('.traffic').getByLabel('Port'), 'Enter');
  await press(page.getByRole('button', { name: /Cut the entry on B/ }).first(), 'Enter');
  await page.getByText('The entry is deleted.').waitFor();
  await press(page.getByRole('button', { name: 'Stop stream 1' }), ' ');
  await page.getByText('no stream is running').waitFor();
  await press(page.getByRole('group', { name: 'Groups of A' }).getByRole('checkbox').first(), ' ');
  await page.locator('.said').getByText(/A is now in /).waitFor();
  page.problems = page.problems.filter((p) => !/status of (400|409)/.test(p)); // errors that the test provoked
  await close(page);
});

test('what a rule is called does nothing to the page', async () => {
  const page = await watch();
  await live(page);
  const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>${alert(3)}';
  await ask('authorize', { group: 'lab', direction: 'ingress', rules: [{ id: evil, protocol: 6, from: 1, to: 1, peer: '10.0.0.0/8' }] });
  await page.getByRole('button', { name: `Revoke rule ${evil} of group lab` }).click();
  await page.getByText(`Rule ${evil} is revoked.`).waitFor();
  assert.equal(await page.locator('img').count(), 0);
  await close(page);
});

test('without the secret nothing is shown', async () => {
  const page = await watch({}, `${new URL(status().web).origin}/#${'0'.repeat(32)}`);
  await page.locator('#caption').getByText('The lab rejected this page').waitFor();
  assert.ok(await page.locator('#controls').isHidden());
  page.problems = page.problems.filter((p) => !p.includes('status of 401'));
  await close(page);
});

test('the page opens and works while others without the secret hold 256 connections', async (t) => {
  await besiege(t);
  const page = await watch();
  await live(page);
  await ping(page);
  await grows(page, 1, 'replied');
  await revoke(page, 'icmp').click();
  await authorize(page, 'icmp').waitFor();
  await close(page);
});

test('Japanese, a phone, dark', async () => {
  const page = await watch({ viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
  await live(page);
  await page.getByRole('button', { name: '日本語' }).click();
  await page.getByRole('heading', { name: 'セキュリティグループ' }).waitFor();
  await page.locator('.traffic form').getByRole('button', { name: '開始' }).click();
  await page.getByText('ストリーム 1 を開始しました。').waitFor();
  await page.keyboard.press('l');
  await page.locator('.said').getByText('Stream 1 has started.').waitFor();
  await page.keyboard.press('l');
  await page.locator('.said').getByText('ストリーム 1 を開始しました。').waitFor();
  await page.locator('#why h3').getByText(/^ストリーム 1/).waitFor();
  await page.locator('select[name=scenario] option').getByText(/[ぁ-ん]/).first().waitFor({ state: 'attached' });
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(wide <= 0, `${wide} px do not fit`);
  const english = await page.locator('#controls').evaluate((root) => [...root.querySelectorAll('h2, h3, label, legend, button, summary, p, li')].map((n) => n.innerText).join('\n').match(/\b(Revoke|Authorize|Start|Stop|Cut|Load|Groups|inbound)\b/)?.[0]);
  assert.equal(english, undefined);
  await shot(page, 'live-phone-ja');
  await close(page);
});

test('axe finds nothing to complain of', async () => {
  const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8');
  for (const colorScheme of ['light', 'dark']) {
    const page = await watch({ colorScheme, bypassCSP: true });
    await live(page);
    await ping(page);
    lablab('revoke', colorScheme === 'light' ? 'icmp' : 'ssh');
    await page.getByText('Add a rule').click();
    await page.locator('.flows button').first().waitFor();
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run('#controls'));
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.html).join(' ')}`), []);
    await close(page);
  }
});

// The last test: it takes the lab down.
test('of a lab that is taken down, all figures are of its end', async () => {
  const page = await watch();
  await live(page);
  await ping(page);
  await grows(page, 1, 'replied');
  lablab('down');
  await page.locator('.link-state[data-how=ended]').waitFor();
  await until(page, () => !document.documentElement.dataset.playing);
  const { sent, replied } = await tally(page, 1);
  assert.ok(sent >= 2, `${sent} sent`);
  await page.locator('#statistics pre').getByText(`${sent} packets transmitted, ${replied} received`).waitFor();
  assert.ok(await page.getByRole('button', { name: 'Live' }).isHidden());
  await page.getByRole('button', { name: '日本語' }).click();
  await page.locator('#why h3').getByText(/^ストリーム 1/).waitFor();
  await shot(page, 'live-ended');
  await close(page);
});
