// The film: when each step is shown, in seconds. A run of a tenth of a second and one of an hour
// both become watchable: news gets time, repeats go by quickly.
import { arrived } from './hand.js';
import { judgedAt, verdictsOf } from './legs.js';
import { legsOf } from './model.js';
import { tcp } from './words.js';

const shortest = 9; // s for repeated packets, if there are many
const whole = 40; // s that a film takes, roughly, without the time to read
const most = 75; // s for what deserves attention
const last = 1.5; // s for the answer at the end
const flight = 0.95; // s for a packet like the one before
const slowest = 0.35; // s between two of them
const patience = 3e8; // ns to wait for missing evidence about a packet
const together = 1.4; // s for a change that directly follows another
const looks = 20; // maximum number of looks at entries that come and go without a packet
const waiting = 2.6; // s of film for a long wait
const lengths = { experiment: 1.9, born: 1.2, authorized: 2.8, revoked: 3, groups: 3, acl: 3, list: 3, configured: 2, cut: 2.8, started: 0.3, stopped: 0.8, gone: 1.2, ran: 1.5, forged: 2, within: 0 };

// flagged are the kinds of step that change something.
export const flagged = new Set(['authorized', 'revoked', 'groups', 'acl', 'list', 'configured', 'cut']);

export class Film {
  constructor(model, live) {
    this.model = model;
    this.live = live;
    this.length = 0;
    this.longest = flight; // longest of all steps
    this.done = 0; // number of scheduled steps
    this.classified = 0; // number of steps already classified as news or repeats
    this.news = []; // packets that are news
  }

  // schedule gives each new step its time. A recorded run is scheduled as a whole.
  schedule() {
    const { steps } = this.model;
    if (this.live) return this.follow();
    const long = Math.max(4e8, 20 * (this.model.begun?.interval_ns ?? 0)); // ns without an event
    let before = null;
    const told = new Set(); // what has been news of some stream
    let came = -Infinity; // when the last entry came or went that deserved a look
    const apart = Math.max(1e9, ((steps.at(-1)?.ns ?? 0) - (steps[0]?.ns ?? 0)) / looks); // ns between two of those
    for (const step of steps) {
      step.pause = before && step.experiment > 0 && step.ns - before.ns > long ? step.ns - before.ns : 0;
      weigh(step, told);
      if (flagged.has(step.kind) && flagged.has(before?.kind)) step.wanted = together;
      step.aside = (step.kind === 'born' || step.kind === 'gone') && step.ns - came < apart; // one of many
      if (step.aside) step.wanted = 0;
      else if (step.kind === 'born' || step.kind === 'gone') came = step.ns;
      before = step;
    }
    const fixed = steps.reduce((sum, s) => sum + (s.routine ? 0 : s.wanted) + (s.pause ? waiting : 0), 0);
    const scale = Math.min(1, most / Math.max(1e-9, fixed));
    const routine = steps.reduce((n, s) => n + (s.routine ? 1 : 0), 0);
    this.place(scale, Math.min(slowest, Math.max(shortest, whole - fixed * scale) / Math.max(1, routine)));
    this.done = this.classified = steps.length;
    this.news = steps.filter((s) => s.kind === 'packet' && !s.routine);
  }

  // place puts the steps one after the other. Repeated packets follow each other closely, so that a
  // stream visibly flows.
  place(scale, spacing) {
    let t = 0; // when the next step may begin
    let clear = 0; // when all earlier packets have landed
    for (const step of this.model.steps) {
      if (step.pause) {
        step.lead = waiting * scale;
        t = Math.max(t, clear) + step.lead;
      }
      step.start = step.routine || step.aside || step.kind === 'started' || step.kind === 'within' ? t : Math.max(t, clear);
      step.length = step.routine ? flight : Math.max(step.wanted && 0.05, step.wanted * scale); // a step that is not shown takes no time
      t = step.start + (step.routine ? spacing : step.length);
      clear = Math.max(clear, step.start + step.length);
      this.longest = Math.max(this.longest, step.length);
    }
    this.answer = clear; // when the answer comes
    this.length = clear + (this.model.steps.length ? last : 0);
  }

  // follow schedules new steps at the pace at which they happen.
  follow() {
    const { steps } = this.model;
    for (let i = this.done; i < steps.length; i++) {
      const step = steps[i];
      step.start = Math.max(this.seconds(step.ns), i ? steps[i - 1].start : 0);
      step.length = step.kind === 'packet' ? 1.2 : 1.5;
      step.routine = step.kind === 'packet'; // until more is known about it
      this.longest = Math.max(this.longest, step.length);
      this.length = Math.max(this.length, step.start + step.length);
    }
    this.done = steps.length;
    for (; this.classified < steps.length && this.settled(steps[this.classified]); this.classified++) {
      const step = steps[this.classified];
      weigh(step);
      if (step.kind === 'packet' && !step.routine) this.news.push(step);
    }
  }

  // settled reports whether everything that will be known about a step is known.
  settled(step) {
    if (step.kind !== 'packet' || this.model.last.at_ns - step.ns > patience) return true;
    const { legs, journey } = step;
    return dropped(legs) || (journey.stream.hand ? arrived(step) : journey.outcome !== '' && legs.length > 1 && legs.every((l) => l.egress && l.ingress));
  }

  // newsAt returns the packet that was the latest news at t, or undefined.
  newsAt(t) {
    let low = 0;
    let high = this.news.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.news[middle].start <= t) low = middle + 1;
      else high = middle;
    }
    return this.news[low - 1];
  }

  seconds(ns) { return (ns - (this.model.steps[0]?.ns ?? 0)) / 1e9; }

  // when converts a moment to seconds of film.
  when(moment) {
    if (!moment?.step) return 0;
    const { step, leg, place } = moment;
    if (leg) return step.start + step.length * judgedAt(legsOf(step), leg, place);
    return step.start + (step.kind === 'packet' ? 0 : step.length * 0.4);
  }

  // after returns the index of the first step that begins after t.
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

  // running returns the steps in progress at t, and those that ended no longer than glow ago.
  running(t, glow = 0) {
    const { steps } = this.model;
    const found = [];
    for (let i = this.after(t) - 1; i >= 0 && steps[i].start > t - this.longest - glow; i--) {
      if (t < steps[i].start + steps[i].length + glow) found.push(steps[i]);
    }
    return found.reverse();
  }

  // present returns the current time of a live lab, in ns: it advances even when nothing happens.
  present() {
    const { begun, last, ended } = this.model;
    if (!begun || ended) return last?.at_ns ?? 0;
    return Math.max(last.at_ns, (Date.now() - Date.parse(begun.started)) * 1e6 || 0);
  }

  // real returns the time of the run, in ns, at t.
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

// weigh decides whether a step repeats the one before, and if not, how long it should take. What
// was said about one stream is still new for another.
function weigh(step, told = new Set()) {
  step.routine = false;
  if (step.kind !== 'packet') {
    step.wanted = lengths[step.kind] ?? 1;
    return;
  }
  const legs = legsOf(step);
  const { stream } = step.journey;
  if (stream.shown?.changes !== step.changes) stream.shown = { changes: step.changes, signs: new Set(), was: stream.shown?.last };
  const sign = signature(legs);
  const shown = stream.shown;
  const other = shown.last === undefined ? sign !== shown.was : !shown.signs.has(sign);
  const before = shown.last;
  const first = before === undefined;
  shown.last = sign;
  shown.signs.add(sign);
  step.news = other ? 'other' : first || step.pause ? 'still' : '';
  if (step.news && stream.hand && !stream.hand.worth(step, sign, dropped(legs))) { // the next of its kind may be
    step.news = '';
    shown.last = before;
    if (other) shown.signs.delete(sign);
  }
  if (step.news && !stream.hand) {
    const same = `${step.experiment} ${step.changes} ${kindOf(legs)}`;
    if (told.has(same)) step.news = '';
    told.add(same);
  }
  step.routine = !step.news || (!legs.length && stream.protocol === tcp); // a message waiting in its connection is not news
  step.wanted = other ? Math.min(6, 1.2 + 1.2 * legs.length + (shown.was === undefined ? 0.6 : 0)) : Math.min(4, 0.8 + 0.7 * legs.length);
}

function dropped(legs) { return legs.some((l) => verdictsOf(l).some((v) => !v.accepted)); }

// kindOf returns the verdicts on a packet where it arrives or is dropped, whoever sent it.
function kindOf(legs) {
  return legs.flatMap((l) => verdictsOf(l).filter((v) => v === l.ingress || !v.accepted).map((v) => `${l.reply ? 'reply' : v.host} ${v.state} ${v.accepted} ${v.rule}`)).sort().join('\n');
}

// signature returns the verdicts on a packet, whatever their order.
function signature(legs) {
  const verdicts = new Set();
  for (const leg of legs) {
    for (const v of verdictsOf(leg)) {
      verdicts.add(`${v.host} ${leg.reply} ${v === leg.egress} ${v.state} ${v.accepted} ${v.rule} ${v.rule_number}`);
    }
  }
  return [...verdicts].sort().join('\n');
}
