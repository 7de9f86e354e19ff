// The page while it is fed from a running lab.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { open, close, read, drawn, until, length } from './page.mjs';

const events = read('ping.jsonl').trim().split('\n').map((line) => JSON.parse(line));
const inWords = JSON.parse(read('ping.report.json'));

test('follows what it is fed, and can be dragged back', async () => {
  const page = await open('fed.html');
  const told = await page.evaluate(() => {
    globalThis.told = 0;
    document.addEventListener('lablab:state', () => { globalThis.told++; });
    return document.querySelector('#controls').hidden;
  });
  assert.ok(told, 'the controls are shown by who fills them');
  const going = events.slice(0, -1); // it has not ended
  for (let i = 0; i < going.length; i += 50) {
    await page.evaluate((some) => globalThis.fed.append(some), going.slice(i, i + 50));
    await drawn(page);
  }
  await page.evaluate((r) => globalThis.fed.setReport(r), inWords);
  assert.ok(await page.evaluate(() => globalThis.told) > 0);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  assert.ok(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed') === 'true');
  assert.ok(await page.getByText('All predictions held.').isVisible());
  await page.keyboard.press('Space'); // or it would play on from there
  await page.keyboard.press('Home');
  await drawn(page);
  assert.ok(await page.getByRole('button', { name: 'Live' }).getAttribute('aria-pressed') === 'false');
  await until(page, () => document.querySelectorAll('.entry').length === 0);
  await page.getByRole('button', { name: 'Live' }).click();
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  const state = await page.evaluate(() => globalThis.fed.state());
  assert.deepEqual(state.hosts.map((h) => h.name), ['A', 'B']);
  assert.deepEqual(state.streams.map((s) => [s.name, s.running]), [['1', true], ['2', true]]);
  assert.deepEqual(state.rules.map((r) => [r.id, r.on]), [['ssh', true], ['icmp', false], ['out', true], ['icmp', true]]);
  assert.equal(state.entries.filter((e) => e.alive).length, 4);
  await close(page);
});

test('is the same fed at once or piece by piece', async () => {
  const look = async (page) => {
    await until(page, () => /65 of 65 .*27 of 46/.test(document.querySelector('.names').textContent));
    return page.evaluate(() => [...document.querySelectorAll('.row:not([hidden])')].map((r) => `${r.textContent} ${r.dataset.gone ?? ''}`).join('\n') + document.querySelector('.names').textContent);
  };
  const seen = [];
  for (const size of [events.length, 1, 7]) {
    const page = await open('fed.html');
    await page.evaluate(([all, n]) => { for (let i = 0; i < all.length; i += n) globalThis.fed.append(all.slice(i, i + n)); }, [events, size]);
    seen.push(await look(page));
    await close(page);
  }
  assert.equal(seen[1], seen[0]);
  assert.equal(seen[2], seen[0]);
});

test('forgets everything on reset', async () => {
  const page = await open('fed.html');
  await page.evaluate((all) => globalThis.fed.append(all), events);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  await page.evaluate(() => globalThis.fed.reset());
  await until(page, () => document.querySelectorAll('.host').length === 0);
  await page.evaluate((all) => globalThis.fed.append(all), events);
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  await close(page);
});

test('shows the last two minutes of a lab that lasts, and what was before when one drags there', async () => {
  const page = await open('fed.html');
  const slowly = events.map((e) => ({ ...e, at_ns: e.at_ns * 300 }));
  await page.evaluate((all) => globalThis.fed.append(all), slowly);
  const end = await length(page);
  assert.ok(end > 300, `it takes ${end} s`);
  const now = () => page.locator('.slider').evaluate((slider) => Number(slider.value));
  await until(page, (t) => Number(document.querySelector('.slider').value) > t, end - 5);
  const area = await page.locator('.area').boundingBox();
  const click = async (share) => {
    await drawn(page);
    await page.mouse.click(area.x + area.width * share, area.y + 5);
    await drawn(page);
    return now();
  };
  const left = await click(0.02);
  assert.ok(Math.abs(left - (end - 120 + 2.4)) < 3, `at the left there is ${left} of ${end}`);
  await page.keyboard.press('Home');
  const first = await click(0.02);
  assert.ok(first < 5, `at the left there is ${first}`);
  const later = await click(0.9);
  assert.ok(Math.abs(later - 108) < 5, `at the right there is ${later}`);
  await close(page);
});

test('begins again with what the lab remembers before it is too much', async () => {
  const page = await open('fed.html');
  const asked = await page.evaluate(async (all) => {
    const urls = [];
    const remembered = [all.slice(0, 600), all.slice(0, 40), []];
    globalThis.fetch = async (url) => {
      urls.push(url);
      if (urls.length > 3) return new Response('', { status: 401 });
      return new Response(remembered[urls.length - 1].map((e) => `${JSON.stringify(e)}\n`).join(''));
    };
    const how = [];
    await new globalThis.Follower(globalThis.fed, (told) => how.push(told), 500).run();
    return { urls, how };
  }, events);
  const [first, again, behind] = asked.urls.map((url) => new URL(url, 'http://lab').searchParams);
  for (const search of [first, again]) assert.deepEqual([search.get('after'), search.get('started')], ['0', '0001-01-01T00:00:00Z']);
  assert.deepEqual([behind.get('after'), behind.get('started')], ['40', events[0].body.started]);
  assert.deepEqual(asked.how, ['live', 'live', 'lost', 'live', 'lost', 'refused'], 'the loss is hidden');
  const last = await page.evaluate(() => globalThis.fed.state().streams.length);
  assert.equal(last, 1, 'what came after is forgotten');
  await close(page);
});

test('does not forget what one looks at so soon', async () => {
  const page = await open('fed.html');
  const urls = await page.evaluate(async (all) => {
    const seen = [];
    globalThis.fetch = async (url) => {
      seen.push(url);
      if (seen.length > 1) return new Response('', { status: 401 });
      return new Response(new ReadableStream({
        async start(body) {
          const send = (some) => body.enqueue(new TextEncoder().encode(some.map((e) => `${JSON.stringify(e)}\n`).join('')));
          send(all.slice(0, 100));
          await new Promise((done) => { setTimeout(done, 200); });
          document.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }));
          send(all.slice(100, 600));
          body.close();
        },
      }));
    };
    await new globalThis.Follower(globalThis.fed, () => {}, 500).run();
    return { seen, follows: globalThis.fed.follows() };
  }, events);
  assert.equal(urls.follows, false);
  assert.equal(new URL(urls.seen[1], 'http://lab').searchParams.get('after'), '600');
  await close(page);
});

test('a stream of which only the end is known begins there', async () => {
  const page = await open('fed.html');
  const far = 2_000_000;
  const late = events.map((e) => (e.body?.stream && e.body.seq ? { ...e, body: { ...e.body, seq: e.body.seq + far } } : e));
  await page.evaluate((all) => globalThis.fed.append(all), late);
  await until(page, () => /65 of 65 .*27 of 46/.test(document.querySelector('.names').textContent));
  await close(page);
});

test('says at the top that the lab does not let it in, and nothing else', async () => {
  const page = await open('fed.html');
  assert.equal(await page.locator('#caption').innerText(), '', 'nothing is known of the lab');
  await page.evaluate(() => globalThis.fed.refuse(true));
  await until(page, () => document.querySelector('#caption .words').textContent.startsWith('The lab rejected this page'));
  await page.locator('#controls').evaluate((n) => { n.hidden = false; }); // as live.js does
  assert.deepEqual(await page.locator('main > :visible').evaluateAll((all) => all.map((n) => n.id)), ['caption', 'live-region']);
  await page.getByRole('button', { name: '日本語' }).click();
  await until(page, () => document.querySelector('#caption .words').textContent.startsWith('このページからはラボに接続できません'));
  await close(page);
});

test('follows a lab no more that has ended', async () => {
  const page = await open('fed.html');
  const button = page.getByRole('button', { name: 'Live' });
  await page.evaluate((all) => globalThis.fed.append(all), events.slice(0, -1));
  assert.ok(await button.isVisible());
  await page.evaluate((e) => globalThis.fed.append([e]), events.at(-1));
  await until(page, () => !document.documentElement.dataset.playing);
  assert.ok(await button.isHidden());
  assert.ok(await page.getByRole('button', { name: 'play', exact: true }).isVisible());
  await page.keyboard.press('Home');
  await page.keyboard.press(' ');
  await until(page, () => Number(document.querySelector('.slider').value) > 0.3);
  await page.evaluate(([all]) => { globalThis.fed.reset(); globalThis.fed.append(all); }, [events.slice(0, 40)]); // another lab
  await until(page, () => document.querySelector('[data-name=live]').getAttribute('aria-pressed') === 'true');
  assert.ok(await button.isVisible());
  await close(page);
});

test('has the report that a lab leaves behind', async () => {
  const page = await open('fed.html');
  const told = await page.evaluate(async (all) => {
    const urls = [];
    globalThis.fetch = async (url) => {
      urls.push(url);
      return new Response([...all, { report: { en: { title: 'the last' } } }].map((e) => `${JSON.stringify(e)}\n`).join(''));
    };
    const how = [];
    await new globalThis.Follower(globalThis.fed, (...was) => how.push(was)).run();
    return { urls, how };
  }, events);
  assert.ok(new URL(told.urls[0], 'http://lab').searchParams.has('report'), 'it is asked for');
  assert.deepEqual(told.how.at(-1), ['ended', null, { en: { title: 'the last' } }]);
  await close(page);
});

test('knows that a lab has ended whose last report was cut off', async () => {
  const page = await open('fed.html');
  const how = await page.evaluate(async (all) => {
    let asked = 0;
    globalThis.fetch = async () => {
      if (asked++) throw new TypeError('Failed to fetch'); // no server answers
      const text = new TextEncoder().encode(`${all.map((e) => `${JSON.stringify(e)}\n`).join('')}{"report": {`);
      return new Response(new ReadableStream({ start(c) {
        c.enqueue(text);
        const cut = () => (follower.over ? c.error(new TypeError('network error')) : requestAnimationFrame(cut));
        cut();
      } }));
    };
    const was = [];
    const follower = new globalThis.Follower(globalThis.fed, (told) => was.push(told));
    await follower.run();
    return was;
  }, events);
  assert.deepEqual(how, ['live', 'lost', 'ended']);
  await close(page);
});

test('says that the lab has ended', async () => {
  const page = await open('fed.html');
  const words = () => page.locator('#caption .words').innerText();
  await page.evaluate((all) => globalThis.fed.append(all), events.slice(0, -1));
  await until(page, () => document.querySelectorAll('.entry').length === 4);
  assert.notEqual(await words(), 'The lab has ended.');
  assert.equal(events.at(-1).kind, 'ended');
  await page.evaluate((e) => globalThis.fed.append([e]), events.at(-1));
  await until(page, () => document.querySelector('#caption .words').textContent === 'The lab has ended.');
  await page.keyboard.press('Home');
  await drawn(page);
  assert.notEqual(await words(), 'The lab has ended.', 'earlier events are shown as ever');
  await close(page);
});
