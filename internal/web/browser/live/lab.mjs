// A lab that a Go test has built, commands for it, and browsers that watch it.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createServer, connect } from 'node:net';
import { after } from 'node:test';
import { chromium } from 'playwright-core';

// patience is how long anything may take on a busy machine, in milliseconds: what never ends is an error
// that says where, and not the end of all tests.
const patience = 60_000;

const flags = '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync';

// lablab runs a command on the lab.
export function lablab(verb, ...args) {
  return execFileSync(process.env.LABLAB, [verb, '--name', process.env.LABLAB_NAME, ...args], { encoding: 'utf8', timeout: patience });
}

// lablabInBackground runs a command that keeps running; it is killed after the tests, if it has not
// ended.
export function lablabInBackground(verb, ...args) {
  const command = spawn(process.env.LABLAB, [verb, '--name', process.env.LABLAB_NAME, ...args], { stdio: 'ignore' });
  after(() => command.kill());
  return command;
}

// status returns the lab's status as its owner sees it.
export function status() { return JSON.parse(lablab('status', '--format', 'json')); }

// ask queries the lab as the page does.
export async function ask(path, question) {
  const [, origin, token] = /^(http:\/\/[^/]+)\/#(\w+)$/.exec(status().web);
  const response = await fetch(`${origin}/v1/${path}`, {
    method: question ? 'POST' : 'GET', body: question && JSON.stringify(question),
    headers: { Authorization: `Bearer ${token}`, ...(question && { 'Content-Type': 'application/json' }) },
    signal: AbortSignal.timeout(patience),
  });
  assert.equal(response.status, 200, `${path}: ${response.statusText}`);
  return response.json();
}

let browser;
after(() => browser?.close());

// watch opens the page and checks everything that it logs and requests.
export async function watch(options = {}, url = status().web) {
  browser ??= await chromium.launch({ executablePath: process.env.LABLAB_CHROMIUM, args: flags.split(' ') });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.problems = [];
  page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) page.problems.push(message.text()); });
  page.on('pageerror', (error) => page.problems.push(error.stack));
  page.on('dialog', (dialog) => { page.problems.push(`dialog ${dialog.message()}`); dialog.dismiss(); });
  page.on('request', (request) => { if (new URL(request.url()).origin !== new URL(url).origin && !request.url().startsWith('data:')) page.problems.push(`request ${request.url()}`); });
  await page.goto(url);
  return page;
}

// besiege holds 256 connections that do not have the token until the test ends, and opens another for
// each that is closed.
export async function besiege(t) {
  const { hostname, port, host } = new URL(status().web);
  const begin = `POST /v1/revoke HTTP/1.1\r\nHost: ${host}\r\n`;
  const sieges = ['', begin, `${begin}Content-Length: 1000\r\n\r\n`, `GET / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000\r\n\r\n`];
  const held = new Set();
  let over = false;
  const hold = (text, begun) => {
    const socket = connect(port, hostname, () => { socket.write(text); begun(); });
    held.add(socket);
    socket.on('error', () => {}).resume().on('close', () => { held.delete(socket); if (!over) hold(text, begun); });
  };
  t.after(() => { over = true; for (const socket of held) socket.destroy(); });
  await Promise.all(Array.from({ length: 256 }, (_, i) => new Promise((begun) => { hold(sieges[i % sieges.length], begun); })));
}

// live waits until the page is connected.
export async function live(page) {
  await page.locator('.link-state[data-how=live]').waitFor();
  await page.locator('.panels:enabled').waitFor();
  await page.locator('select[name=scenario] option').first().waitFor({ state: 'attached' });
}

// close checks that nothing went wrong. The browser's errors about a cut connection, or an answer
// that the lab is gone, are not the page's fault.
export async function close(page) {
  assert.deepEqual(page.problems.filter((p) => !/net::ERR_(CONNECTION_REFUSED|CONNECTION_RESET|INCOMPLETE_CHUNKED_ENCODING|EMPTY_RESPONSE)|status of 410 /.test(p)), []);
  await page.context().close();
}

// until waits for a condition in the page.
export function until(page, is, value) { return page.waitForFunction(is, value, { timeout: 20_000 }); }

// shot saves a screenshot, if one was requested.
export async function shot(page, name) {
  if (process.env.LABLAB_SHOTS) await page.screenshot({ path: `${process.env.LABLAB_SHOTS}/${name}.png`, fullPage: true });
}

// between is a proxy between browser and lab, at another address with the same port, that can be
// cut.
export async function between(t) {
  const to = new URL(status().web);
  const pairs = new Set();
  const server = createServer((client) => {
    const lab = connect(Number(to.port), to.hostname);
    pairs.add(client).add(lab);
    client.pipe(lab).pipe(client);
    for (const socket of [client, lab]) socket.on('error', () => {}).on('close', () => { client.destroy(); lab.destroy(); });
  });
  const listen = () => new Promise((done, fail) => server.once('error', fail).listen(Number(to.port), '127.0.0.1', done));
  const cut = () => new Promise((done) => {
    server.close(done);
    for (const socket of pairs) socket.destroy();
    pairs.clear();
  });
  await listen();
  t.after(cut); // also if the test fails: what listens keeps the process from ending
  return { url: `http://127.0.0.1:${to.port}/${to.hash}`, listen, cut };
}
