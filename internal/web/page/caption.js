// The subtitles: what happens now, in one sentence. Readers who cannot see the stage hear them, one
// at a time.
import { element, setText, setData } from './dom.js';
import { flagged } from './film.js';
import { verdictsOf } from './legs.js';
import { legsOf } from './model.js';
import { say, spoken } from './say.js';
import { colour } from './terms.js';
import { span } from './words.js';

const hearing = 1800; // ms that it takes to hear a sentence
const most = 4; // maximum number of sentences waiting
const lookback = 100; // maximum number of earlier subtitles to show when there is no later one
const atOnce = 1; // s to notice a line
const perSecond = { en: 3.5, ja: 8 }; // words, characters that are read in a second
const decided = 0.9; // how much of a step has passed when its verdict is lit

// refused says that the lab rejected this page.
export function refused() { return say('The lab rejected this page: open the complete URL that lablab up printed, including the part after #.'); }

// reading returns how long it takes to read a line, in seconds.
export function reading(line) {
  const n = spoken() === 'ja' ? line.length : line.trim().split(' ').length;
  return n / perSecond[spoken()] + atOnce;
}

export class Caption {
  constructor(root, region) {
    this.root = root;
    this.region = region;
    [this.head, { children: [this.text, this.actions] }] = root.children;
    this.waiting = []; // to be heard
    this.speaking = null;
    this.told = null; // the part of the film that the subtitle is about
    this.gone = new Set(); // decisive subtitles that the reader has left: the same words wait once
    this.auto = false; // decisive subtitles do not wait for the reader
  }

  // set switches to another film, or to another language.
  set(model, film, narration) {
    Object.assign(this, { model, film, narration, all: [], upto: 0, waiting: [], told: null });
    this.before = new Set(); // what subtitles have said
    this.extend();
  }

  // extend records when the subtitles of new steps begin.
  extend() {
    const { steps } = this.model;
    for (; this.upto < this.film.classified; this.upto++) {
      const step = steps[this.upto];
      if (step.pause) this.all.push({ t: step.start - step.lead, pause: step.pause });
      if (!step.routine && (step.experiment > 0 || this.film.live)) this.all.push({ t: step.start, step, again: this.saidBefore(step) });
    }
    // If the lab has already ended when the film arrives, say so.
    if (this.film.live && this.model.ended && !this.all.at(-1)?.ended) this.all.push({ t: this.film.length, ended: true });
    if (!this.film.live && this.film.answer !== undefined) this.all.push({ t: this.film.answer, answer: true });
    this.renew();
  }

  // times returns when something new is said.
  get times() { return this.all.map(({ t, step }) => (step ? step.start + step.length * decided : t)); }

  // decisive returns a moment that shows what an experiment is about, and what is said then.
  decisive(number) {
    const all = this.all.filter(({ step }) => step?.experiment === number);
    const said = all.map((now) => ({ now, words: this.wordsOf(now) })).filter(({ words }) => words);
    const { now, words } = said.find((s) => s.words.waits) ?? said.find((s) => s.now.step.kind === 'packet') ?? said[0] ?? { now: all[0] };
    return { t: now ? now.step.start + now.step.length * decided : 0, text: words?.lines.join(' ') ?? '' };
  }

  // saidBefore reports whether an earlier subtitle has said the same as that of a packet.
  saidBefore(step) {
    const same = !this.film.live && step.kind === 'packet' && this.ofPacket(step)?.same;
    if (!same || this.before.has(same)) return Boolean(same);
    this.before.add(same);
    return false;
  }

  // pace notes that somebody has read for so many seconds. It returns where the film has to stop
  // between two moments, and whether it waits for the reader; or null.
  pace(from, to, seconds) {
    const { told } = this;
    if (!told) return null;
    told.read += seconds;
    const at = told.words.waits ? told.now.step.start + told.now.step.length * decided : (this.all[told.index + 1]?.t ?? this.film.length) - 0.002;
    if (to >= at && from <= at + 0.001) {
      if (told.read < told.needs) return { at, waits: false };
      if (told.words.waits && !this.auto && !this.gone.has(told.words.same)) return { at, waits: true };
    }
    const next = this.all[this.at(from) + 1]?.t ?? Infinity; // none is jumped over, however fast the film is
    return to > next ? { at: next, waits: false } : null;
  }

  // go lets the film go on from where it waited.
  go() {
    this.gone.add(this.told.words.same);
  }

  // renew lets the next frame look again for what is said: more may have come.
  renew() { this.shown = undefined; }

  // refuse sets whether the lab rejected this page; then there is nothing else to say.
  refuse(whether) {
    if (whether !== this.refused) this.shown = undefined;
    this.refused = whether;
  }

  at(t) {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.all[middle].t <= t) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  // show shows the subtitle at t, or a card in its place: {name, text, tone, actions}. While the film
  // plays, the lines of a subtitle come one after the other.
  show(t, player, card) {
    const i = this.at(t);
    const reads = player.playing && !player.following;
    const shown = card ? card.name : `${i} ${reads ? this.line() : 'all'}`;
    if (shown === this.shown) return;
    this.shown = shown;
    this.card = card;
    const experiment = this.model.experiments.findLast((x) => x.step.start <= t);
    const { now, words, index } = card?.text ? { words: { lines: [card.text], tone: card.tone } } : this.latest(i);
    if (!card && now !== this.told?.now) this.begin(now, words, index);
    const whole = words.lines.join(' ');
    setText(this.text, (reads || card) && now ? this.told.lines[this.line()] : whole);
    colour(this.text, this.model.streams);
    setData(this.root, 'tone', words.tone);
    setData(this.root, 'card', card?.name);
    this.actions.replaceChildren(...(card?.actions ?? []).map(({ text, key, primary, does }) => element('button', { type: 'button', class: primary ? 'primary' : null, 'aria-keyshortcuts': key === ' ' ? 'Space' : key, onclick: does }, text, element('kbd', { 'aria-hidden': 'true' }, key === ' ' ? say('Space') : key))));
    const begins = now?.step?.kind === 'experiment';
    const name = experiment ? say('Experiment {0}: {1}', experiment.number, this.model.titleOf(experiment.number)) : '';
    setText(this.head, begins && reads ? say('Experiment {0}', experiment.number) : name);
    setData(this.root, 'title', begins ? (reads ? 'reads' : 'yes') : null);
    this.announce(player, begins ? [name, whole].filter(Boolean).join(' – ') : whole, begins || flagged.has(now?.step?.kind));
  }

  // begin starts to read a subtitle.
  begin(now, words, index) {
    if (!now) return void (this.told = null);
    const lines = words.title ? [words.title] : now.again ? words.lines.slice(0, 1) : words.lines;
    this.told = { now, words, index, lines, read: 0, ends: [], needs: 0 };
    for (const line of lines) this.told.ends.push(this.told.needs += reading(line));
  }

  // line returns the index of the line that is being read.
  line() {
    if (!this.told) return 0;
    const i = this.told.ends.findIndex((end) => this.told.read < end);
    return i < 0 ? this.told.ends.length - 1 : i;
  }

  // latest returns the latest of what is shown about which something is said, and the words.
  latest(i) {
    for (let k = i; k >= Math.max(0, i - lookback); k--) {
      const words = this.wordsOf(this.all[k]);
      if (words) return { now: this.all[k], words, index: i };
    }
    return { words: this.wordsOf() };
  }

  // wordsOf returns what is said about a part of the film, or null; before the first, how things
  // are.
  wordsOf(now) {
    if (!now && this.refused) return { lines: [refused()], tone: 'drop' };
    if (!now && this.film.live) return { lines: [this.model.begun ? say('The lab is ready. Start some traffic, then revoke the rule that allows it.') : ''] };
    if (!now) return { lines: [say('The lab is ready. Press Play, or drag the timeline.')] };
    if (now.ended) return { lines: [say('The lab has ended.')] };
    if (now.answer) return this.model.answer ? { lines: [this.model.answer], tone: 'answer' } : null;
    if (now.pause) return { lines: [say('Nothing is sent for {0}.', span(now.pause)), ...(this.remembered(now.t) ? [say('The timeouts of the entries run down.')] : [])] };
    if (now.step.kind === 'experiment') return { lines: this.model.doneIn(now.step.body.number), title: this.model.titleOf(now.step.body.number) };
    return now.step.kind === 'packet' ? this.ofPacket(now.step) : this.narration.of(now.step.seq);
  }

  // ofPacket returns what is said about a packet, or that it was sent.
  ofPacket(step) {
    const { journey } = step;
    const values = { seq: journey.seq };
    return this.narration.ofWay(legsOf(step).flatMap(verdictsOf), values) ?? (step.again ? null : this.narration.of(journey.event, values));
  }

  // remembered reports whether a host has an entry at t.
  remembered(t) {
    const before = (moment) => Boolean(moment) && this.film.when(moment) <= t;
    return this.model.entries.some((e) => !e.hidden && before(e.born) && !before(e.dead));
  }

  // announce gives sentences to a screen reader one after the other, each for as long as it takes to
  // hear. Of those waiting it keeps changes of the lab and the last.
  announce(player, text, change) {
    if (player.playing && player.speed > 4) return;
    if (!text || text === (this.waiting.at(-1)?.text ?? this.region.textContent)) return;
    this.waiting = [...this.waiting.filter((w) => w.change && player.playing), { text, change }].slice(-most);
    this.next();
  }

  // hear gives a sentence to the screen reader at once.
  hear(text) {
    clearTimeout(this.speaking);
    this.speaking = null;
    this.waiting = [{ text }];
    this.next();
  }

  next() {
    if (this.speaking || !this.waiting.length) return;
    setText(this.region, this.waiting.shift().text);
    this.speaking = setTimeout(() => {
      this.speaking = null;
      this.next();
    }, hearing);
  }
}
