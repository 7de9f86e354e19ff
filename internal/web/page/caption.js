// The subtitles: what happens now, in one sentence. Readers who cannot see the stage hear them, one
// at a time.
import { element, setText, setData } from './dom.js';
import { flagged } from './film.js';
import { verdictsOf } from './legs.js';
import { legsOf } from './model.js';
import { say } from './say.js';
import { span } from './words.js';

const hearing = 1800; // ms that it takes to hear a sentence
const most = 4; // maximum number of sentences waiting
const lookback = 100; // maximum number of earlier subtitles to show when there is no later one

// refused says that the lab rejected the page.
export function refused() { return say('The lab rejected this page: open the complete URL that lablab up printed, including the part after #.'); }

export class Caption {
  constructor(root, region) {
    this.root = root;
    this.region = region;
    [this.head, { children: [this.text, this.actions] }] = root.children;
    this.waiting = []; // to be heard
    this.speaking = null;
  }

  // set switches to another film, or to another language.
  set(model, film, narration) {
    Object.assign(this, { model, film, narration, all: [], upto: 0, waiting: [] });
    this.extend();
  }

  // extend records when the subtitles of new steps begin.
  extend() {
    const { steps } = this.model;
    for (; this.upto < this.film.classified; this.upto++) {
      const step = steps[this.upto];
      if (step.pause) this.all.push({ t: step.start - step.lead, pause: step.pause });
      if (!step.routine && (step.experiment > 0 || this.film.live)) this.all.push({ t: step.start, step });
    }
    // If the lab has already ended when the film arrives, say so.
    if (this.film.live && this.model.ended && !this.all.at(-1)?.ended) this.all.push({ t: this.film.length, ended: true });
    this.renew();
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

  // show shows the subtitle at t, or a card in its place: {name, text, tone, actions}.
  show(t, player, card) {
    const i = this.at(t);
    const shown = card ? card.name : i;
    if (shown === this.shown) return;
    this.shown = shown;
    this.card = card;
    const experiment = this.model.experiments.findLast((x) => x.step.start <= t);
    setText(this.head, experiment ? say('Experiment {0}: {1}', experiment.number, this.model.titleOf(experiment.number)) : this.model.begun?.question ?? '');
    const { now, words } = card ? { words: card } : this.latest(i);
    setText(this.text, words.text);
    setData(this.root, 'tone', words.tone);
    setData(this.root, 'title', now?.step?.kind === 'experiment' ? 'yes' : null);
    setData(this.root, 'card', card?.name);
    this.actions.replaceChildren(...(card?.actions ?? []).map(({ text, key, primary, does }) => element('button', { type: 'button', class: primary ? 'primary' : null, 'aria-keyshortcuts': key === ' ' ? 'Space' : key, onclick: does }, text, element('kbd', { 'aria-hidden': 'true' }, key === ' ' ? say('Space') : key))));
    const begins = now?.step?.kind === 'experiment';
    this.announce(player, begins ? [this.head.textContent, words.text].filter(Boolean).join(' – ') : words.text, begins || flagged.has(now?.step?.kind));
  }

  // latest returns the latest of what is shown about which something is said, and the words.
  latest(i) {
    for (let k = i; k >= Math.max(0, i - lookback); k--) {
      const words = this.wordsOf(this.all[k]);
      if (words) return { now: this.all[k], words };
    }
    return { words: this.wordsOf() };
  }

  // wordsOf returns what is said about a part of the film, or null; before the first, how things
  // are.
  wordsOf(now) {
    if (!now && this.refused) return { text: refused(), tone: 'drop' };
    if (!now && this.film.live) return { text: this.model.begun ? say('The lab is ready. Start some traffic, then revoke the rule that allows it.') : '' };
    if (!now) return { text: say('The lab is ready. Press Play, or drag the timeline.') };
    if (now.ended) return { text: say('The lab has ended.') };
    if (now.pause) return { text: this.remembered(now.t) ? say('Nothing is sent for {0}. The timeouts of the entries run down.', span(now.pause)) : say('Nothing is sent for {0}.', span(now.pause)) };
    if (now.step.kind === 'experiment') return { text: this.model.doneIn(now.step.body.number).join('; ') };
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
