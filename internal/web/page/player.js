// The player: the position in the film, and the speed.

export const speeds = [0.1, 0.25, 0.5, 1, 2, 5, 10, 25, 100];

export class Player {
  // draw is called at most once per frame, when there is something to draw.
  constructor(film, draw) {
    this.film = film;
    this.draw = draw;
    this.t = 0;
    this.speed = 1;
    this.playing = false;
    this.waits = false; // for the reader to go on
    this.following = false; // shows a live run as it happens
    this.until = null; // where a step ends
    this.limit = () => Infinity; // the last moment that may be shown
    this.pace = () => null; // (from, to, seconds) → {at, waits}, where the film stops between two moments, or null
    this.asked = false;
  }

  get length() { return this.film.length; }

  play() {
    if (this.t >= this.length - 0.01 && !this.following) this.t = 0;
    this.until = null;
    this.waits = false;
    this.playing = true;
    this.wake();
  }

  pause() {
    this.playing = this.waits = false;
    this.following = false;
    this.until = null;
    this.wake();
  }

  toggle() { if (this.playing) this.pause(); else this.play(); }

  // follow goes to the end, and stays there as the end moves.
  follow() {
    this.following = true;
    this.playing = true;
    this.speed = 1;
    this.until = null;
    this.wake();
  }

  // finish stops following: the run is over, and the rest of it plays.
  finish() {
    if (!this.following) return;
    this.following = false;
    this.t = Math.max(this.t, this.length - 3);
    this.wake();
  }

  seek(t) {
    this.following = this.waits = false;
    this.until = null;
    this.t = Math.max(0, Math.min(this.length, this.limit(), t));
    this.wake();
  }

  // playTo plays from one moment to another and stops there.
  playTo(from, to) {
    this.seek(from);
    this.until = Math.min(this.length, to);
    this.playing = true;
    this.wake();
  }

  faster(by) {
    const i = speeds.indexOf(this.speed);
    this.speed = speeds[Math.max(0, Math.min(speeds.length - 1, i + by))];
    this.wake();
  }

  // wake requests a frame.
  wake() {
    if (this.asked) return;
    this.asked = true;
    this.before = null;
    requestAnimationFrame((now) => this.frame(now));
  }

  frame(now) {
    const passed = this.before === null ? 0 : Math.min(0.1, (now - this.before) / 1000);
    this.before = now;
    if (this.playing) this.advance(passed);
    this.draw(this.t);
    if (this.playing) requestAnimationFrame((next) => this.frame(next));
    else this.asked = false;
  }

  advance(passed) {
    const speed = this.until === null ? this.speed : Math.min(1, this.speed); // a single step must be visible
    let to = this.t + passed * speed;
    if (this.following) {
      // A live film grows while it is watched: stay slightly behind its end.
      const behind = this.length - 0.3;
      to = to < behind - 3 || to > behind + 3 ? behind : Math.min(to, this.length);
    }
    const pace = this.following || this.until !== null ? null : this.pace(this.t, to, passed * speed);
    if (pace && pace.at <= this.limit()) {
      this.t = Math.max(this.t, pace.at);
      [this.playing, this.waits] = [!pace.waits, pace.waits];
      return;
    }
    const stop = Math.min(this.limit(), this.until ?? Infinity);
    if (to >= stop) {
      this.t = stop;
      this.playing = false;
      this.until = null;
      return;
    }
    this.t = Math.max(0, Math.min(to, this.length));
    if (this.t >= this.length && !this.following) this.playing = false;
  }
}
