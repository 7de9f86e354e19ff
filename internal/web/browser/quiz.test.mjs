// Ask first: the film stops before each experiment and asks.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, until, plain } from './page.mjs';

const dialog = () => document.querySelector('dialog.quiz').open;

test('asks before each experiment, and tells who was right', async () => {
  const page = await open('ping.html', {}, '?quiz');
  const guesses = [['all'], ['none'], ['all', 'none'], ['all', 'some']]; // the second and the last are wrong
  for (const [i, guess] of guesses.entries()) {
    await until(page, dialog);
    assert.match(await page.locator('dialog.quiz h2').innerText(), new RegExp(`^Experiment ${i + 1}: `));
    assert.ok(!await page.locator('html').getAttribute('data-playing'));
    for (const [n, value] of guess.entries()) await page.locator('dialog.quiz fieldset').nth(n).locator(`input[value=${value}]`).check();
    await page.getByRole('button', { name: 'Watch' }).click();
    if (i === 0) for (let n = 0; n < 6; n++) await page.keyboard.press('ArrowUp');
    await until(page, dialog);
    const told = plain(await page.locator('dialog.quiz').innerText());
    assert.match(told, i % 2 ? /^Not quite\./ : /^Right!/);
    if (i === 1) assert.match(told, /Stream 1: replied \(9 of 9 answered\).* changed nothing for seq 11–65/);
    if (i === 2) assert.match(told, /Stream 2: refused \(0 of 19 answered\).* default deny dropped them/);
    await page.getByRole('button', { name: 'Go on' }).click();
  }
  await until(page, () => document.querySelector('.slider').max - document.querySelector('.slider').value < 0.1);
  await close(page);
});

test('can be left', async () => {
  const page = await open('ping.html');
  await page.keyboard.press('q');
  await until(page, dialog);
  await page.keyboard.press('Escape');
  await until(page, () => document.documentElement.dataset.playing && !document.querySelector('dialog.quiz').open);
  await close(page);
});
