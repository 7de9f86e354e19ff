// What is said about the events of the timeline. All sentences come with the events or the report;
// here they are only found, and their blanks filled in.
import { spaced, spoken } from './say.js';

const vocabulary = JSON.parse(document.getElementById('vocabulary').textContent);

export class Narration {
  constructor() {
    this.captions = new Map(); // number of an event → its subtitle
    this.lines = new Map(); // what a host decided → what is said about it
    this.begin();
  }

  // begin makes the next part the first of another narration, as after a broken connection.
  begin() { this.subtitles = []; }

  // add takes the next part, as render.Narration has it.
  add({ subtitles = [], captions = [], lines = [] }) {
    this.subtitles.push(...subtitles);
    for (const [event, number] of captions) this.captions.set(event, this.subtitles[number]);
    for (const { decision, words } of lines) this.lines.set(keyOf(decision), words);
  }

  // of returns what is said about an event: {lines, tone, waits, same}, or null; same
  // is what subtitles have in common that say the same.
  of(event, values) {
    const caption = this.captions.get(event);
    return caption ? { lines: caption.words[spoken()].map((line) => filled(line, values)), tone: caption.tone, waits: caption.waits, same: caption } : null;
  }

  // ofWay returns what is said about a packet on its way: of its verdicts, the one that decides,
  // or the first about which something is said.
  ofWay(verdicts, values) {
    const said = verdicts.filter((v) => this.captions.has(v.seq));
    const verdict = said.find((v) => this.captions.get(v.seq).decides) ?? said[0];
    return verdict ? this.of(verdict.seq, values) : null;
  }

  // line returns what the story of a packet says about a verdict.
  line(verdict) { return this.lines.get(keyOf(verdict))?.[spoken()] ?? ''; }
}

function keyOf({ host, direction, state, accepted, by, rule, rule_number: number = 0 }) { return [host, direction, state, accepted, by, rule, number].join('\n'); }

// filled joins the pieces of a sentence: every other piece is the name of a value.
function filled(pieces, values = {}) { return spaced(pieces.map((piece, i) => (i % 2 ? values[piece] ?? piece : piece)).join('')); }

// terms returns the words that the page explains: {place, name, means}.
export function terms() { return vocabulary[spoken()].terms; }

// outcomeName returns an outcome as people say it.
export function outcomeName(outcome) { return vocabulary[spoken()].outcomes[outcome].name; }

// ending returns how the story of a packet ends.
export function ending(outcome, values) { return filled(vocabulary[spoken()].outcomes[outcome].end, values); }

// departure returns how the story of a packet begins.
export function departure(values) {
  const { departure: began, departure_in_experiment: inExperiment } = vocabulary[spoken()];
  return filled(values.experiment ? inExperiment : began, values);
}
