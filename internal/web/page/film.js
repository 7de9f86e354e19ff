// The film: when, in seconds of the film, each step is shown. A run of a tenth of a
// second and one of an hour both become something that one can watch: what is new
// gets time, what is as before passes quickly.
import { legsOf } from './model.js';
import { judgedAt } from './legs.js';

const whole = 52; // seconds that a film takes, more or less
const most = 70; // seconds for what is worth a look
const flight = 0.95; // of a packet like the one before
const pause = 1e9; // ns without anything that are worth to be told, if they are long for this run
const lengths = { experiment: 2.2, authorized: 3, revoked: 3.2, groups: 3, acl: 3, configured: 2, cut: 2.8, started: 0.5, stopped: 0.8, gone: 1.2, ran: 1.5 };

export class Film {
  constructor(model, live) {
    this.model = model;
    this.live = live;
    this.length = 0;
    this.longest = flight; // of all steps
    this.done = 0; // steps that are scheduled
  }

  // schedule gives each new step its place. A recorded run is scheduled as a whole.
  schedule() {
    const { steps } = this.model;
    if (this.live) return this.follow();
    for (const step of steps) weigh(step);
    const fixed = steps.reduce((sum, s) => sum + (s.routine ? 0 : s.wanted), 0);
    const scale = Math.min(1, most / Math.max(1e-9, fixed));
    const routine = steps.reduce((n, s) => n + (s.routine ? 1 : 0), 0);
    const spacing = Math.min(0.5, Math.max(8, whole - fixed * scale) / Math.max(1, routine));
    let t = 0; // where the next step may begin
    let clear = 0; // where all before have landed
    for (const step of steps) {
      if (step.routine) {
        step.start = t;
        step.length = flight;
        t += spacing;
      } else {
        const alone = step.kind === 'started' ? t : Math.max(t, clear);
        step.start = alone;
        step.length = Math.max(0.05, step.wanted * scale);
        t = step.start + step.length;
      }
      clear = Math.max(clear, step.start + step.length);
      this.longest = Math.max(this.longest, step.length);
    }
    this.length = clear;
    this.done = steps.length;
  }

  // follow schedules what is new at the pace at which it happens.
  follow() {
    const { steps } = this.model;
    for (let i = this.done; i < steps.length; i++) {
      const step = steps[i];
      step.start = Math.max(this.seconds(step.ns), i ? steps[i - 1].start : 0);
      step.length = step.kind === 'packet' ? 1.2 : 1.5;
      this.longest = Math.max(this.longest, step.length);
      this.length = Math.max(this.length, step.start + step.length);
    }
    this.done = steps.length;
  }

  seconds(ns) { return (ns - (this.model.steps[0]?.ns ?? 0)) / 1e9; }

  // when is a moment in seconds of the film.
  when(moment) {
    if (!moment?.step) return 0;
    const { step, leg, place } = moment;
    if (leg) return step.start + step.length * judgedAt(legsOf(step), leg, place);
    return step.start + (step.kind === 'packet' ? 0 : step.length * 0.4);
  }

  // after is the index of the first step that begins after t.
  after(t) {
    const { steps } = this.model;
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (steps[middle].start <= t) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  // running are the steps that go on at t, and those that ended no longer than glow ago.
  running(t, glow = 0) {
    const { steps } = this.model;
    const found = [];
    for (let i = this.after(t) - 1; i >= 0 && steps[i].start > t - this.longest - glow; i--) {
      if (t < steps[i].start + steps[i].length + glow) found.push(steps[i]);
    }
    return found.reverse();
  }

  // real is the time of the run, in ns, at t.
  real(t) {
    const { steps } = this.model;
    const i = this.after(t) - 1;
    if (i < 0) return steps[0]?.ns ?? 0;
    const step = steps[i];
    const next = steps[i + 1];
    if (!next || next.start <= step.start) return step.ns;
    return step.ns + (next.ns - step.ns) * Math.min(1, (t - step.start) / (next.start - step.start));
  }
}

// weigh says whether a step is as the one before, and else how long it should take.
function weigh(step) {
  step.routine = false;
  if (step.kind !== 'packet') {
    step.wanted = lengths[step.kind] ?? 1;
    return;
  }
  const legs = legsOf(step);
  const { stream } = step.journey;
  if (stream.told?.changes !== step.changes) stream.told = { changes: step.changes, signs: new Set(), was: stream.told?.last };
  const sign = signature(legs);
  const told = stream.told;
  const other = told.last === undefined ? sign !== told.was : !told.signs.has(sign);
  const first = told.last === undefined;
  told.last = sign;
  told.signs.add(sign);
  step.news = other ? 'other' : first ? 'still' : '';
  step.routine = !step.news;
  step.wanted = other ? Math.min(6, 1.1 + 1.5 * legs.length) : Math.min(5, 1 + 0.9 * legs.length);
}

// signature is what was done with a packet, without the order in which.
function signature(legs) {
  const verdicts = new Set();
  for (const leg of legs) {
    for (const v of [leg.egress, leg.ingress]) {
      if (v) verdicts.add(`${v.host} ${leg.reply} ${v === leg.egress} ${v.state} ${v.accepted} ${v.rule} ${v.number}`);
    }
  }
  return [...verdicts].sort().join('\n');
}
