// The lab's timeline as it grows: each event once and in its order, whatever becomes of
// the connection meanwhile.
import { request } from './api.js';

const least = 250; // ms before the second attempt to come back
const most = 8000;
const together = 40; // ms in which events are collected, so that the page draws them at once
const many = 600_000; // events that a page keeps; a lab remembers 400,000 at most (docs/api.md)
const never = '0001-01-01T00:00:00Z'; // when no timeline began

export class Follower {
  // page is what start() returns; tell is called with how the connection is: 'live';
  // 'lost' and in how many ms it is tried again; 'refused', 'full' or 'ended', and the report
  // of it all. most is how many events it has before it begins again with those that the lab
  // remembers.
  constructor(page, tell, most = many) {
    this.page = page;
    this.tell = tell;
    this.most = most;
    this.kept = 0;
    this.last = 0; // number of the last event
    this.started = never; // which timeline it is of
    this.over = false; // that timeline has ended
    this.forgotten = 0; // events that the lab no longer had
    this.waiting = [];
    this.hurry = () => {};
    addEventListener('online', () => this.hurry());
    document.addEventListener('visibilitychange', () => { if (!document.hidden) this.hurry(); });
  }

  // run follows until there is nothing more to follow.
  async run() {
    for (let pause = least; ; pause = Math.min(most, pause * 2)) {
      const before = this.last;
      const told = await this.attempt();
      this.flush();
      if (told === 'tired') {
        [this.last, this.started] = [0, never];
        continue;
      }
      if (told === 'refused' || told === 'ended') return this.tell(told, null, this.report);
      if (this.last !== before) pause = least;
      this.tell(told, pause);
      await this.wait(pause * (0.75 + Math.random() / 2));
    }
  }

  // attempt reads for as long as there is a connection, and says why there is none now.
  async attempt() {
    let answered = false;
    try {
      const response = await request(`events?after=${this.last}&started=${encodeURIComponent(this.started)}&report`);
      answered = true;
      this.tell('live');
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
      rest = lines.pop(); // the beginning of one
      for (const line of lines) this.take(JSON.parse(line));
      if (this.tired) return reader.cancel();
      this.later ??= setTimeout(() => this.flush(), together);
    }
  }

  // tired is whether there are too many events to keep. Who looks at what was is not
  // disturbed so soon.
  get tired() { return this.kept > (this.page.follows() ? 1 : 2) * this.most; }

  take(event) {
    if (event.report) {
      this.report = event.report;
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

  // wait waits, unless there is a reason to try at once.
  wait(ms) {
    return new Promise((done) => {
      const timer = setTimeout(done, ms);
      this.hurry = () => { clearTimeout(timer); done(); };
    });
  }
}
