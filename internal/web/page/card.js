// The card with the whole story of a packet.
import { element } from './dom.js';
import { say } from './say.js';
import { outcomeName, storyOf } from './story.js';
import { streamName } from './words.js';

export class Card {
  constructor(root, closed) {
    this.root = root;
    this.closed = closed;
  }

  show(journey, outcome, model, packet) {
    const lines = storyOf(journey, outcome, model, packet);
    this.title = say('Packet {0} of {1}: {2}', journey.seq, streamName(journey.stream.stream), outcomeName(outcome));
    this.root.replaceChildren(
      element('header', {}, element('h2', {}, this.title),
        element('button', { type: 'button', class: 'close', 'aria-label': say('close'), onclick: () => this.closed() }, '×')),
      element('div', { class: 'ways' }, parts(lines).map((part) => element('div', {}, part.map((line) => (line.head ? element('p', { class: 'packet-line' }, element('code', {}, line.head)) : element('p', {}, line)))))));
    this.root.hidden = false;
  }

  close() {
    this.root.hidden = true;
    this.root.replaceChildren();
  }
}

// parts groups the lines by the packet's direction; its beginning and end come first.
function parts(lines) {
  const all = [[]];
  for (const line of lines.slice(0, -1)) {
    if (line.head) all.push([]);
    all.at(-1).push(line);
  }
  all[0].push(lines.at(-1));
  return all;
}
