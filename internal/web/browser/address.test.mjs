// Addresses that lead to a moment.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { close, open, plain, until } from './page.mjs';

test('lead to a packet or an experiment, in a language', async () => {
  const page = await open('ping.html', { permissions: ['clipboard-read', 'clipboard-write'], reducedMotion: 'reduce' }, '#x=2&s=1&p=11&lang=ja');
  assert.match(plain(await page.locator('#story h2').innerText()), /^ストリーム 1 のパケット 11/);
  assert.ok(await page.locator('#why').isVisible(), 'nothing is asked of who follows a link');
  assert.match(await page.locator('#caption .experiment').innerText(), /^実験 2/);
  await page.evaluate(() => { location.hash = 'x=4'; });
  await until(page, () => document.querySelector('#caption .experiment').textContent.startsWith('実験 4'));

  // Each sentence of the explanation has an address of its own, and so has any moment.
  await page.keyboard.press('l');
  await page.locator('#why .moment').nth(1).click();
  await until(page, () => location.hash === '#x=1&s=1&p=2&lang=en');
  await page.keyboard.press('Escape');
  await page.keyboard.press('3');
  await until(page, () => document.querySelector('#caption .experiment').textContent.startsWith('Experiment 3'));
  await page.getByRole('button', { name: 'Copy link' }).first().click();
  await until(page, () => location.hash === '#x=3&lang=en');
  await page.getByRole('button', { name: /Link copied|The address leads here/ }).waitFor();
  await close(page);
});

test('that lead nowhere do no harm', async () => {
  const page = await open('ping.html', {}, '#x=99&s=%3Cimg%3E&p=-1&lang=%22');
  assert.equal(await page.locator('html').getAttribute('lang'), 'en');
  assert.ok(await page.locator('#story').isHidden());
  await close(page);
});
