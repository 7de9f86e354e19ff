// The quiz: before each experiment the film stops and asks what will happen to each stream;
// afterwards it says who was right.
import { element, setData } from './dom.js';
import { outcomeName } from './narration.js';
import { say } from './say.js';

const most = 5; // maximum number of sentences that explain an answer

export class Quiz {
  // report returns the report; turned is called when the quiz starts and ends.
  constructor(root, player, model, film, report, turned) {
    Object.assign(this, { player, model, film, report, turned });
    this.on = false;
    this.answers = new Map(); // experiment → Map of stream → guess
    this.judged = new Set();
    this.dialog = element('dialog', { class: 'quiz', 'aria-labelledby': 'quiz-title' });
    this.dialog.addEventListener('cancel', () => this.skip());
    root.append(this.dialog);
  }

  start() {
    this.turn(true);
    this.answers.clear();
    this.judged.clear();
    this.player.gate = (from, to) => this.stop(from, to);
    this.player.seek(0);
    this.player.play();
  }

  end() {
    this.turn(false);
    this.player.gate = null;
    this.dialog.close();
  }

  // turn starts or stops the quiz: while it is on, the page hides the future.
  turn(on) {
    this.on = on;
    setData(document.documentElement, 'quiz', on ? 'yes' : null);
    this.turned();
  }

  // stop returns where the film has to stop between two moments, or null.
  stop(from, to) {
    for (const [i, x] of this.model.experiments.entries()) {
      const before = i ? this.model.experiments[i - 1] : null;
      const at = x.step.start;
      if (at >= to || at < from - 0.05) continue;
      if (before && this.answers.has(before.number) && !this.judged.has(before.number)) return this.halt(at, () => this.reveal(before.number));
      if (!this.answers.has(x.number) && this.streams(x.number).length) return this.halt(at, () => this.ask(x.number));
    }
    const last = this.model.experiments.at(-1);
    if (last && to >= this.film.length - 0.05 && this.answers.has(last.number) && !this.judged.has(last.number)) return this.halt(this.film.length - 0.06, () => this.reveal(last.number));
    return null;
  }

  halt(at, then) {
    queueMicrotask(then);
    return at;
  }

  experiment(number) { return this.report()?.experiments.find((x) => x.number === number); }

  streams(number) { return (this.experiment(number)?.streams ?? []).filter((s) => s.sent > 0); }

  ask(number) {
    const x = this.experiment(number);
    const form = element('form', { method: 'dialog' },
      element('h2', { id: 'quiz-title' }, say('Experiment {0}: {1}', number, x.title)),
      element('p', { class: 'do' }, x.do.join('; ')),
      element('p', {}, say('What happens to the packets now?')),
      this.streams(number).map((s) => this.question(s)),
      element('div', { class: 'buttons' },
        element('button', { type: 'submit', class: 'primary' }, say('Show me')),
        element('button', { type: 'button', onclick: () => this.skip() }, say('Just watch'))));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.answers.set(number, new Map(this.streams(number).map((s) => [s.stream, new FormData(form).get(`stream ${s.stream}`)])));
      this.go();
    });
    this.open(form);
  }

  question(s) {
    const { from, to } = this.report().streams.find((x) => x.name === s.stream);
    return element('fieldset', {}, element('legend', {}, say('Stream {0}, from {1} to {2}', s.stream, from, to)),
      choices().map(([value, text]) => element('label', {}, element('input', { type: 'radio', name: `stream ${s.stream}`, value, required: true }), text)));
  }

  reveal(number) {
    this.judged.add(number);
    const guesses = this.answers.get(number);
    const all = this.streams(number);
    const right = all.every((s) => guesses.get(s.stream) === kind(s));
    this.open(element('form', { method: 'dialog', onsubmit: (event) => { event.preventDefault(); this.go(); } },
      element('h2', { id: 'quiz-title', 'data-right': right ? 'yes' : 'no' }, right ? say('Right!') : say('Not quite.')),
      element('div', { id: 'quiz-result' }, all.map((s) => this.answer(number, s, guesses.get(s.stream)))),
      element('div', { class: 'buttons' }, element('button', { type: 'submit', class: 'primary' }, say('Continue')))));
  }

  // answer returns the outcome of a stream, the guess, and the explanation.
  answer(number, s, guess) {
    const right = guess === kind(s);
    const [, said] = choices().find(([value]) => value === guess);
    return element('div', { class: 'answer', 'data-right': right ? 'yes' : 'no' },
      element('h3', {}, say('Stream {0}: {1} ({2} replies to {3} packets)', s.stream, outcomeName(s.observed), s.received, s.sent)),
      element('p', { class: 'guess' }, element('span', { 'aria-hidden': 'true' }, right ? '✓ ' : '✕ '), right ? say('You said: {0}. Correct.', said) : say('You said: {0}. Wrong.', said)),
      (s.because ?? []).slice(0, most).map(({ sentence }) => element('p', {}, sentence)));
  }

  open(form) {
    this.dialog.replaceChildren(form);
    // A screen reader must hear the answer too, not only the button.
    if (form.querySelector('#quiz-result')) this.dialog.setAttribute('aria-describedby', 'quiz-result');
    else this.dialog.removeAttribute('aria-describedby');
    if (!this.dialog.open) this.dialog.showModal();
  }

  go() {
    this.dialog.close();
    this.player.play();
  }

  skip() {
    this.end();
    this.player.play();
  }
}

function choices() { return [['all', say('All are answered')], ['none', say('None is answered')], ['some', say('Some are answered')]]; }

// kind returns the outcome of a stream's packets in the quiz's terms.
function kind(s) {
  if (s.received === s.sent) return 'all';
  return s.received === 0 ? 'none' : 'some';
}
