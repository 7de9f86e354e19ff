// The lab's timeline as it grows: each event once and in order, whatever happens to the connection.
import { request } from './api.js';

const least = 250; // ms before the second attempt to reconnect
const most = 8000;
const together = 40; // ms to collect events, so that the page draws them together
const many = 600_000; // maximum number of events that a page keeps; a lab keeps at most 400,000 (docs/api.md)
const never = '0001-01-01T00:00:00Z'; // the start of no timeline

export class Follower {
  // page is the result of start(). onState is called with the state of the connection: 'live'; 'lost',
  // with the ms until the next attempt; 'refused', 'full' or 'ended', with the final report. most
  // is how many events it holds before it starts again from those that the lab still has.
  constructor(page, onState, most = many) {
    this.page = page;
    this.onState = onState;
    this.most = most;
    this.kept = 0;
    this.last = 0; // number of the last event
    this.started = never; // which timeline that event belongs to
    this.over = false; // that timeline has ended
    this.forgotten = 0; // events that the lab had already forgotten
    this.waiting = [];
    this.hurry = () => {};
    addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); });
  }

  // run follows the timeline to its end.
  async run() {
    for (let pause = least; ; pause = Math.min(most, pause * 2)) {
      const before = this.last;
      const state = await this.attempt();
      this.flush();
      if (state === 'tired') {
        [this.last, this.started] = [0, never];
        continue;
      }
      if (state === 'refused' || state === 'ended') return this.onState(state, null, this.report);
      if (this.last !== before) pause = least;
      this.onState(state, pause);
      await this.wait(pause * (0.75 + Math.random() / 2));
    }
  }

  // attempt reads until the connection ends, and returns why it ended.
  async attempt() {
    let answered = false;
    try {
      const response = await request(`events?after=${this.last}&started=${encodeURIComponent(this.started)}&report&narration`);
      answered = true;
      this.onState('live');
      this.page.narrate(null);
      await this.read(response.body.pipeThrough(new TextDecoderStream()).getReader());
      if (this.over) return 'ended';
      return this.tired ? 'tired' : 'lost';
    } catch (error) {
      if (error.status === 401 || error.status === 403) return 'refused';
      if (error.status === 503) return 'full';
      return this.over && !answered && !error.status ? 'ended' : 'lost'; // the last report may have been cut off
    }
  }

  async read(reader) {
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop(); // the start of a line
      for (const line of lines) this.take(JSON.parse(line));
      if (this.tired) return reader.cancel();
      this.later ??= setTimeout(() => this.flush(), together);
    }
  }

  // tired reports whether there are too many events to keep. A user who looks at the past is
  // interrupted later than one who follows.
  get tired() { return this.kept > (this.page.follows() ? 1 : 2) * this.most; }

  take(event) {
    if (event.report) {
      this.report = event.report;
      return;
    }
    if (event.narration) {
      this.flush();
      this.page.narrate(event.narration);
      return;
    }
    if (event.kind === 'begun') {
      this.flush();
      this.page.reset();
      [this.started, this.over, this.forgotten, this.kept] = [event.body.started, false, 0, 0];
    } else if (event.seq <= this.last) {
      return;
    } else {
      this.forgotten += event.seq - this.last - 1;
    }
    this.last = event.seq;
    this.kept++;
    this.over = event.kind === 'ended';
    this.waiting.push(event);
  }

  flush() {
    clearTimeout(this.later);
    this.later = null;
    const events = this.waiting;
    this.waiting = [];
    if (events.length) this.page.append(events);
  }

  // wait waits, unless there is a reason to retry at once.
  wait(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.hurry = () => { clearTimeout(timer); done(); };
    });
  }
}
