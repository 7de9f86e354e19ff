// The question: before the experiment that surprises, the film stops and asks what will happen. Until
// it is answered, the page hides the answer. Then the film shows the moment, and what was said is
// compared with it.
import { setData } from './dom.js';
import { say } from './say.js';

const shown = 0.93; // how much of the decisive packet's step has passed when the answer is clear
const key = 'lablab'; // under which the browser remembers which predictions were right

export class Ask {
  // turned is called when the page hides or shows the answer.
  constructor(player, turned) {
    Object.assign(this, { player, turned, state: 'none' }); // then 'asking', 'answered', 'told', or 'watched'
  }

  // about sets the report, the model of the run and the film.
  about(report, model, film) {
    this.report = report;
    this.film = film;
    const { ask } = report ?? {};
    this.ask = ask;
    this.step = ask ? model.packetSteps.find((s) => s.experiment === ask.experiment) : null;
    const stream = ask && model.streams.get(ask.stream);
    this.decisive = stream?.packets[ask.moment.first - stream.first]?.step;
    this.possible = Boolean(this.step && this.decisive);
  }

  // begin hides the answer, if there is anything to ask.
  begin() {
    if (!this.possible) return;
    this.chosen = null;
    this.turn('asking');
  }

  // watch shows everything without asking.
  watch() {
    if (this.hiding) this.turn('watched');
  }

  turn(state) {
    this.state = state;
    setData(document.documentElement, 'asking', this.hiding ? 'yes' : null);
    this.turned();
  }

  // hiding reports whether the page hides the answer.
  get hiding() { return this.state === 'asking' || this.state === 'answered'; }

  // asked returns when the film stops to ask, and clear when the answer has been seen.
  get asked() { return Math.max(0, this.step.start - 0.02); }

  get clear() { return this.decisive.start + this.decisive.length * shown; }

  // limit returns the last moment that may be shown now.
  get limit() {
    if (this.state === 'asking') return this.asked;
    return this.state === 'answered' ? this.clear : Infinity;
  }

  choose(index) {
    this.chosen = index;
    this.turn('answered');
    remember(this.report.scenario, this.right);
    this.player.speed = Math.min(1, this.player.speed);
    this.again();
  }

  get right() { return this.chosen === this.ask.right; }

  // again shows the decisive moment, not faster than it can be followed.
  again() {
    this.player.seek(this.asked);
    this.player.play();
  }

  go() {
    this.turn('told');
    this.player.play();
  }

  // said returns what was predicted, and what happened.
  get said() { return this.chosen === null || this.chosen === undefined ? '' : say('You said: {0}.', this.ask.answers[this.chosen]); }

  // card returns what to show instead of a subtitle at t: words, their tone and the buttons; or null.
  card(t) {
    if (!this.hiding || t < this.limit - 0.001) return null;
    if (this.state === 'asking') {
      const { question, answers } = this.ask;
      return { name: 'ask', text: question, actions: answers.map((answer, i) => ({ text: answer, key: String(i + 1), does: () => this.choose(i) })) };
    }
    return this.player.playing || this.player.waits ? null : {
      name: 'told', text: `${this.said} ${this.ask.outcome}`, tone: this.right ? 'accept' : 'drop',
      actions: [{ text: say('Continue'), key: ' ', primary: true, does: () => this.go() }, { text: say('Show it again'), key: 'r', does: () => this.again() }],
    };
  }

  // score returns how many of the predictions that this browser remembers were right, or null.
  get score() {
    const all = Object.values(remembered());
    return all.length > 1 ? { right: all.filter(Boolean).length, all: all.length } : null;
  }
}

// remembered returns which predictions were right, by scenario. A browser may forbid to keep them.
function remembered() {
  try {
    return JSON.parse(localStorage.getItem(key)) ?? {};
  } catch {
    return {};
  }
}

// remember keeps the first prediction about a scenario.
function remember(scenario, right) {
  try {
    localStorage.setItem(key, JSON.stringify({ [scenario]: right, ...remembered() }));
  } catch { /* then there is no score */ }
}
