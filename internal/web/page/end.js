// The card at the end of the film: the answer, what the run has shown, what became of each stream,
// and where to go from here.
import { element } from './dom.js';
import { momentButton } from './moment.js';
import { say, spoken } from './say.js';
import { streamName } from './words.js';

const answered = new Set(['replied', 'late']);
const most = 8; // maximum number of streams; a crowd has its lanes below

export class End {
  // page has again(), which plays the film once more; following is the scenario to look at next.
  constructor(root, page) {
    Object.assign(this, { root, page });
    const following = document.getElementById('following');
    this.following = following && JSON.parse(following.textContent);
  }

  // tell writes the card about a report.
  tell(report, model, ask) {
    this.known = Boolean(report?.verdict && model.steps.length); // a lab that runs has no verdict
    if (!this.known) return this.root.replaceChildren();
    const lessons = report.why.find((p) => p.lessons);
    const moment = lessons?.moments.find((m) => m);
    const good = !['bad', 'stopped'].includes(report.verdict.tone);
    const { said, score } = ask;
    this.root.replaceChildren(...[
      said && element('p', { class: 'choice', 'data-right': ask.right ? 'yes' : 'no' }, element('span', { 'aria-hidden': 'true' }, ask.right ? '✓ ' : '✕ '), said, ' ', ask.ask.outcome),
      element('h2', { id: 'end-title', tabindex: '-1' }, good ? report.title : report.verdict.conclusion),
      lessons && good && element('ul', { class: 'lessons' }, lessons.sentences.map((s, i) => element('li', {}, lessons.moments[i] ? momentButton(lessons.moments[i], s) : s))),
      element('div', { class: 'outcomes' }, report.streams.filter((s) => s.sent).slice(0, most).map((s) => outcome(s, model))),
      element('div', { class: 'buttons' },
        moment && momentButton(moment, say('See the moment'), 'primary'),
        element('button', { type: 'button', onclick: () => this.page.again() }, say('Watch again')),
        element('button', { type: 'button', onclick: () => this.page.copyLink() }, say('Copy link'))),
      said && score && element('p', { class: 'score' }, say('Your predictions so far: {0} of {1} were right.', score.right, score.all)),
      this.following && element('p', { class: 'following' }, say('Next: {0}', this.following.question[spoken()]), ' ', element('code', {}, `lablab run ${this.following.name}`))].filter(Boolean));
  }

  // show shows the card, or hides it.
  show(over) {
    const hidden = !over || !this.known;
    if (this.root.hidden !== hidden) this.root.hidden = hidden;
  }
}

// outcome draws what became of a stream's packets, in the order in which they were sent.
function outcome(s, model) {
  const runs = [];
  for (const packet of s.packets) {
    const good = answered.has(packet.outcome);
    if (runs.at(-1)?.good === good) runs.at(-1).n++;
    else runs.push({ good, n: 1 });
  }
  const bar = element('span', { class: 'runs', 'aria-hidden': 'true' }, runs.map(({ good, n }) => {
    const node = element('span', { 'data-good': good ? 'yes' : 'no' });
    node.style.flexGrow = n;
    return node;
  }));
  const index = model.streams.get(s.name)?.index ?? 0;
  return element('p', { 'data-stream': index % 8 }, element('b', {}, streamName(s.name)), bar, element('span', {}, say('{0} of {1} answered', s.received, s.sent)));
}
