// Words of the trade, each explained in a sentence where it stands; and the names of streams in
// sentences, in the colours of their packets.
import { element } from './dom.js';
import { terms } from './narration.js';
import { say } from './say.js';
import { streamName } from './words.js';

// where says which parts of the stage show a term.
const where = { conntrack: '.table h3', entry: '.entry .by', flow: '.entry .flow', stream: '.entry .stream', new: '.entry[data-state=new] .state', established: '.row[data-kind=established] .name, .entry[data-state=established] .state', deny: '.row[data-kind=deny] .name', group: '.groups' };

export class Terms {
  // root lists the terms; stage is where they stand.
  constructor(root, stage) {
    this.root = root;
    this.note = element('p', { class: 'meaning', popover: 'auto', role: 'tooltip' });
    document.body.append(this.note);
    stage.addEventListener('click', ({ target }) => {
      const place = Object.keys(where).find((name) => target.closest(where[name]));
      if (place) this.explain(place, target);
    });
  }

  speak() {
    this.root.replaceChildren(element('span', {}, say('Words:')), ...terms().map(({ place, name }) => element('button', { type: 'button', class: 'term', onclick: ({ currentTarget }) => this.explain(place, currentTarget) }, name)));
  }

  // explain shows what a term means, next to it.
  explain(place, node) {
    const { name, means } = terms().find((t) => t.place === place);
    this.note.replaceChildren(element('b', {}, name), ' ', means);
    this.note.showPopover();
    const box = node.getBoundingClientRect();
    const { width, height } = this.note.getBoundingClientRect();
    this.note.style.left = `${Math.max(8, Math.min(box.left, innerWidth - width - 8))}px`;
    this.note.style.top = `${box.bottom + height + 8 < innerHeight ? box.bottom + 6 : Math.max(8, box.top - height - 6)}px`;
  }
}

// colour gives the names of streams in a text their colours.
export function colour(node, streams) {
  if (!globalThis.Highlight) return; // an older browser shows them in black
  const ranges = new Map();
  const text = node.firstChild?.data ?? '';
  for (const { stream, index } of streams.values()) {
    const name = streamName(stream);
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      if (isPart(text[at + name.length])) continue;
      const range = new Range();
      range.setStart(node.firstChild, at);
      range.setEnd(node.firstChild, at + name.length);
      ranges.set(index % 8, [...(ranges.get(index % 8) ?? []), range]);
    }
  }
  for (let i = 0; i < 8; i++) {
    if (ranges.has(i)) CSS.highlights.set(`stream-${i}`, new Highlight(...ranges.get(i)));
    else CSS.highlights.delete(`stream-${i}`);
  }
}

// isPart reports whether a character continues a name: "stream 1" is not in "stream 12".
function isPart(c) { return c !== undefined && (c === '-' || c === '_' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')); }
