// Shared by the tests: a browser, and a page in it that is watched.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

const flags = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';
const pages = process.env.LABLAB_PAGES;
const shots = process.env.LABLAB_SHOTS;

let browser;
after(() => browser?.close());

// read returns a file that the Go test has written.
export function read(name) { return readFileSync(join(pages, name), 'utf8'); }

// open opens a page and watches it: it may send no request elsewhere and log no error. Unless the
// query says otherwise, the page asks nothing. A script runs before the page's own.
export async function open(name, options = {}, query = '?watch&auto', script = '') {
  browser ??= await chromium.launch({ executablePath: process.env.LABLAB_CHROMIUM, args: flags.split(' ') });
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const url = `file://${join(pages, name)}${query}`;
  page.problems = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) page.problems.push(message.text()); });
  page.on('pageerror', (error) => page.problems.push(error.stack));
  page.on('dialog', (dialog) => { page.problems.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (request.url() !== url.split('#')[0] && !request.url().startsWith('data:')) page.problems.push(`request ${request.url()}`); });
  await page.addInitScript(`globalThis.decided = ${decided};${script}`);
  await page.goto(url);
  return page;
}

// decided returns the fields of a verdict event about a packet such as "tcp 10.0.0.2:4000 >
// 10.0.0.1:22" or "icmp 10.0.0.2 > 10.0.0.1 type 8 id 7 seq 0", and about what decided. It is also
// available inside the page, to tests that make events there.
export function decided(text, rule, number) {
  const [protocol, from, , to, ...rest] = text.split(' ');
  const end = (text) => (/^\[(.*)\]:(\d+)$/.exec(text) ?? /^([\d.]+):(\d+)$/.exec(text) ?? ['', text]).slice(1);
  const [[source, source_port], [destination, destination_port]] = [end(from), end(to)];
  const after = (word) => (rest.includes(word) ? Number(rest[rest.indexOf(word) + 1]) : undefined);
  const flags = rest.find((word) => word.startsWith('['));
  const packet = {
    protocol: { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 }[protocol], source, destination, icmp_type: after('type'), icmp_id: after('id'), icmp_seq: after('seq'),
    ...(source_port && { source_port: Number(source_port), destination_port: Number(destination_port) }), ...(flags && { tcp_flags: [...'FSRP.'].reduce((sum, f, i) => sum + (flags.includes(f) ? 2 ** i : 0), 0), length: after(flags) }),
  };
  const by = { established: 'established', 'default-deny': 'default' }[rule] ?? 'group';
  return { by, rule, ...(number && { rule_number: number }), packet };
}

// narration returns what a lab says about events: for each number, the words in pieces, and more.
export function narration(...said) {
  return { subtitles: said.map(([, words, more]) => ({ words: { en: [words], ja: [words] }, ...more })), captions: said.map(([seq], i) => [seq, i]) };
}

// shot takes a screenshot if they are wanted.
export async function shot(page, name) {
  if (!shots) return;
  mkdirSync(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`) });
}

// close checks that nothing went wrong.
export async function close(page) {
  assert.deepEqual(page.problems, []);
  await page.context().close();
}

// seek goes to a second of the film.
export async function seek(page, t) {
  await page.locator('.slider').evaluate((slider, value) => {
    slider.value = value;
    slider.dispatchEvent(new Event('input'));
  }, t);
  await drawn(page);
}

// drawn waits until the page has drawn.
export function drawn(page) { return page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => requestAnimationFrame(done)); })); }

// until waits for a condition.
export function until(page, is, value) { return page.waitForFunction(is, value, { timeout: 20_000 }); }

// length returns the length of the film, in seconds.
export async function length(page) { return Number(await page.locator('.slider').getAttribute('max')); }

// plain collapses white space to single spaces.
export function plain(text) { return text.replace(/\s+/g, ' '); }
