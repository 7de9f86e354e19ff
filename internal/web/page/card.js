// The card with the whole story of a packet.
import { element } from './dom.js';
import { verdictsOf } from './legs.js';
import { legsOf } from './model.js';
import { departure, ending, outcomeName } from './narration.js';
import { say } from './say.js';
import { packetText, runTime, span, streamName } from './words.js';

export class Card {
  constructor(root, closed) {
    this.root = root;
    this.closed = closed;
  }

  // show shows the story of a packet; packet is what the report knows of it.
  show(journey, outcome, narration, packet) {
    const { stream, seq, sent, ns, rtt, error, step } = journey;
    this.title = say('Packet {0} of {1}: {2}', seq, streamName(stream.stream), outcomeName(outcome));
    const began = departure({ from: stream.from, to: stream.to, time: runTime(sent ?? ns), experiment: packet?.experiment || step.experiment });
    const ended = ending(outcome, { rtt: span(rtt), error: error ?? '' });
    const legs = [step, ...journey.again].filter(Boolean).flatMap(legsOf);
    this.root.replaceChildren(
      element('header', {}, element('h2', {}, this.title),
        element('button', { type: 'button', class: 'close', 'aria-label': say('close'), onclick: () => this.closed() }, '×')),
      element('div', { class: 'ways' }, element('div', {}, element('p', {}, began), element('p', {}, ended)),
        legs.map((leg) => element('div', {}, element('p', { class: 'packet-line' }, element('code', {}, packetText(leg.packet))),
          verdictsOf(leg).map((v) => element('p', {}, narration.line(v)))))));
    this.root.hidden = false;
  }

  close() {
    this.root.hidden = true;
    this.root.replaceChildren();
  }
}
