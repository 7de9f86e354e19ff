// The page plays a timeline like a video.
//
//   start({ events, report, live, asks }) draws it, and returns what feeds it:
//
//     append(events)     the next events of the timeline, as a record has them
//                        ({seq, at_ns, experiment, kind, body}), each once and in order
//     setReport(report)  the report on the events so far, with its words in one or more
//                        languages: { report: {…}, words: { en: {…}, ja: {…} } }, as
//                        render.Translated has them
//     narrate(part)      the next part of what is said about the events, as render.Narration
//                        has it; null before the first part of another narration
//     reset()            forget everything; what comes next is another timeline
//     state()            how things are after the last event, for the controls:
//                        { hosts: [{name, address, groups}], streams: [{name, protocol, from,
//                          to, port, running}], rules: [{number, id, group, direction, text,
//                          hosts, on}], entries: [{host, id, orig, mark, stream, alive}] }
//     follows()          whether it shows the present rather than the past
//     refuse(whether)    whether the lab rejected this page
//
// A file calls it with everything (record.js). A live page is Page{Live: true}.Write
// in Go, which bundles live.js and what it imports. It (live.js, controls.js)
// calls it with live: true and nothing else, then append() as the events come: the
// page follows them until the user drags it back, and has a button to follow again.
//
// controls.js owns <section id="controls" hidden>, which stands between the stage
// and the timeline; it shows the section itself. It listens to the document's
// "lablab:state" for when to draw again (at most once a frame), and to
// "lablab:language". From say.js it has say(english, …values): every such literal
// needs its entry in ja.js. From dom.js: element(tag, attributes, …children), which
// puts every text in with textContent. No inline styles, no innerHTML.
import { lead, wished } from './address.js';
import { setText, setData } from './dom.js';
import { say, speak, spoken } from './say.js';
import { Model } from './model.js';
import { Film } from './film.js';
import { Player } from './player.js';
import { Stage } from './stage.js';
import { Storyboard } from './storyboard.js';
import { Terms } from './terms.js';
import { Lanes } from './lanes.js';
import { Narration } from './narration.js';
import { Ask } from './ask.js';
import { Buttons } from './buttons.js';
import { Caption } from './caption.js';
import { Card } from './card.js';
import { End } from './end.js';
import { listen } from './moment.js';
import { showVerdict } from './verdict.js';
import { showReport } from './why.js';

export function start({ events = [], report = null, narration = null, live = false, asks = true } = {}) {
  const page = new Page(live);
  page.append(events);
  page.narrate(narration);
  page.setReport(report);
  page.begin(asks);
  return {
    append: (more) => page.append(more),
    setReport: (report) => page.setReport(report),
    narrate: (part) => page.narrate(part),
    reset: () => page.reset(),
    state: () => page.state(),
    follows: () => page.player.following,
    refuse: (whether) => page.refuse(whether),
  };
}

class Page {
  constructor(live) {
    this.live = live;
    this.build();
    this.reset();
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.lanes.redraw());
    matchMedia('print').addEventListener('change', () => this.lanes.paint()); // at once: printing does not wait for a frame
    addEventListener('resize', () => this.fit());
    document.fonts?.ready.then(() => this.fit());
  }

  // build creates what stays the same for every film.
  build() {
    const at = (id) => document.getElementById(id);
    this.root = document.documentElement;
    this.nodes = { title: at('title'), question: at('question'), note: at('note'), stage: at('stage'), report: at('report-view'), verdict: at('verdict'), language: at('language'), theme: at('theme'), watch: at('watch'), poster: at('poster') };
    this.nodes.language.addEventListener('click', () => this.speak(spoken() === 'ja' ? 'en' : 'ja'));
    this.nodes.theme.addEventListener('click', () => this.toggleTheme());
    this.nodes.watch.addEventListener('click', () => this.watch());
    this.nodes.poster.querySelector('.play').addEventListener('click', () => this.player.play());
    for (const root of [this.nodes.report, this.nodes.verdict, at('end')]) listen(root, (moment) => this.showMoment(moment));
    this.card = new Card(at('story'), () => this.choose(null));
    this.lanes = new Lanes(at('lanes'), { seek: (t) => this.player.seek(t), choose: (journey) => this.choose(journey, true) });
    this.end = new End(at('end'), this);
    this.buttons = new Buttons(at('player'), this);
    this.caption = new Caption(at('caption'), at('live-region'));
    this.terms = new Terms(at('terms'), this.nodes.stage);
    this.storyboard = new Storyboard(at('storyboard'), this);
  }

  // reset forgets the current film.
  reset() {
    this.player?.pause();
    this.model = new Model();
    this.narration = new Narration();
    this.film = new Film(this.model, this.live);
    this.player = new Player(this.film, (t) => this.draw(t));
    this.stage = new Stage(this.nodes.stage, this.player);
    this.stage.build(this.model, this.film);
    this.ask = new Ask(this.player, () => this.turn());
    this.player.limit = () => this.ask.limit;
    this.player.pace = (from, to, seconds) => this.caption.pace(from, to, seconds);
    this.setReport(null);
    this.choose(null);
    this.caption.set(this.model, this.film, this.narration);
    this.lanes.set(this.model, this.film, (journey) => this.outcomeOf(journey));
    if (this.live) this.player.follow();
  }

  append(events) {
    for (const event of events) this.model.append(event);
    if (!events.length) return;
    this.film.schedule();
    if (this.live) this.caption.extend();
    else this.caption.set(this.model, this.film, this.narration);
    this.lanes.set(this.model, this.film, (journey) => this.outcomeOf(journey));
    this.player.wake();
    if (this.model.ended) this.player.finish();
    if (!this.telling) {
      this.telling = true;
      requestAnimationFrame(() => {
        this.telling = false;
        document.dispatchEvent(new CustomEvent('lablab:state'));
      });
    }
  }

  narrate(part) {
    if (!part) return this.narration.begin();
    this.narration.add(part);
    this.caption.renew();
    this.player.wake();
  }

  setReport(translated) {
    this.translated = translated;
    this.outcomes = new Map();
    for (const s of translated?.report.streams ?? []) this.outcomes.set(s.name, new Map((s.packets ?? []).map((p) => [p.seq, p])));
    this.showReport();
    this.lanes.redraw();
  }

  // report returns the report in the current language.
  get report() { return this.translated && worded(this.translated.report, this.translated.words[spoken()]); }

  outcomeOf(journey) { return this.outcomes.get(journey.stream.stream)?.get(journey.seq)?.outcome || journey.outcome || 'waiting'; }

  begin(asks) {
    const wishes = wished(this.live);
    this.caption.auto = wishes.has('auto');
    this.speak(wishes.get('lang') ?? this.root.lang);
    if (asks && !this.live && !wishes.has('watch') && !this.goTo(wishes)) this.ask.begin();
    else this.goTo(wishes);
    if (!this.live) addEventListener('hashchange', () => this.goTo(wished(false)));
    this.player.wake();
  }

  // watch shows everything without asking or, if nothing is hidden, asks again.
  watch() {
    if (this.live || !this.ask.possible) return;
    if (this.ask.hiding) return this.ask.watch();
    this.choose(null);
    this.ask.begin();
    this.again();
  }

  // turn shows whether the answer is hidden.
  turn() {
    setText(this.nodes.watch, this.ask.hiding ? say('Just watch') : say('Ask me again'));
    setText(this.nodes.poster.querySelector('.hint'), this.ask.hiding ? say('The film stops once and asks what you expect.') : '');
    this.end.tell(this.report, this.model, this.ask);
    this.lanes.redraw();
    this.caption.renew();
    this.player.wake();
  }

  speak(language) {
    speak(language);
    this.nodes.language.textContent = spoken() === 'ja' ? 'English' : '日本語';
    this.nodes.language.lang = spoken() === 'ja' ? 'en' : 'ja';
    this.nodes.theme.textContent = say('Light or dark');
    this.nodes.stage.setAttribute('aria-label', this.stage.describe());
    setText(this.nodes.poster.querySelector('.words'), say('Play'));
    this.showReport();
    this.stage.speak();
    this.lanes.speak();
    this.buttons.speak();
    this.terms.speak();
    this.caption.set(this.model, this.film, this.narration);
    this.choose(this.chosen);
    this.stage.reserve(this.caption.times);
    document.dispatchEvent(new CustomEvent('lablab:language'));
    this.player.wake();
  }

  showReport() {
    const { report } = this;
    this.model.plan = report?.experiments ?? [];
    this.ask.about(report, this.model, this.film);
    this.nodes.watch.hidden = this.live || !this.ask.possible;
    const title = report?.title || this.model.begun?.title || 'lablab';
    const question = report?.question || this.model.begun?.question;
    const failed = ['bad', 'stopped'].includes(report?.verdict?.tone);
    this.model.answer = question && (failed ? report.verdict.conclusion : title); // of a session by hand there is none
    setText(this.nodes.question, question || title);
    setText(this.nodes.title, question ? title : '');
    document.title = say('{0} – lablab', question || title);
    setText(this.nodes.note, this.model.begun?.target === 'sim' ? say('Simulated: no kernel was involved. This shows how Linux is known to behave, and proves nothing.') : '');
    showVerdict(this.nodes.verdict, report, this.live && !this.model.ended);
    showReport(this.nodes.report, report);
    this.turn();
  }

  toggleTheme() {
    const dark = this.root.dataset.theme ? this.root.dataset.theme === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
    this.root.dataset.theme = dark ? 'light' : 'dark';
    this.lanes.redraw();
  }

  fit() {
    this.stage.reserve(this.caption.times);
    this.lanes.redraw();
    this.player.wake();
  }

  // showMoment shows the packets that a sentence is about.
  showMoment(moment) {
    const stream = this.model.streams.get(moment.stream);
    const journey = stream?.packets[moment.first - stream.first];
    if (!journey?.step) return false;
    if (!this.live) lead({ experiment: journey.step.experiment, stream: moment.stream, packet: journey.seq });
    this.choose(journey);
    this.play(journey.step);
    this.nodes.stage.scrollIntoView({ block: 'center', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    return true;
  }

  // goTo shows what an address leads to, and reports whether it leads to a moment.
  goTo(wishes) {
    const experiment = this.model.experiments.find((x) => x.number === Number(wishes.get('x')));
    if (this.live || !(wishes.has('p') || experiment)) return false;
    this.ask.watch();
    if (!this.showMoment({ stream: wishes.get('s'), first: Number(wishes.get('p')) }) && experiment) this.player.seek(experiment.step.start);
    return true;
  }

  // copyLink copies an address that leads to what is shown now.
  async copyLink() {
    const step = this.chosen?.step ?? this.caption.told?.now.step;
    const experiment = this.model.experiments.findLast((x) => x.step.start <= this.player.t)?.number;
    const link = lead(step?.journey ? { experiment: step.experiment, stream: step.journey.stream.stream, packet: step.journey.seq } : { experiment });
    try {
      await navigator.clipboard.writeText(link);
      this.buttons.copied(say('Link copied'));
    } catch { // then it is in the address bar
      this.buttons.copied(say('The address leads here'));
    }
  }

  // play shows one step.
  play(step) {
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) this.player.seek(step.start + step.length * 0.9);
    else this.player.playTo(step.start, step.start + step.length * 0.98);
  }

  // stepBy goes to the next or previous packet.
  stepBy(by) {
    const steps = this.model.packetSteps;
    let i = steps.findIndex((s) => s.start + s.length * 0.98 > this.player.t + 0.001);
    if (this.stepped && Math.abs(this.player.t - this.steppedTo) < this.stepped.length + 0.1) i = steps.indexOf(this.stepped) + by;
    else if (by < 0) i = (i < 0 ? steps.length : i) - 1;
    const step = steps[Math.max(0, Math.min(steps.length - 1, i < 0 ? steps.length - 1 : i))];
    if (!step) return;
    if (step.start > this.ask.limit) return this.player.seek(step.start); // it has not been shown
    this.stepped = step;
    this.steppedTo = step.start + step.length * 0.98;
    this.choose(step.journey);
    this.caption.hear(this.card.title);
    this.play(step);
  }

  // advanceAlone sets whether the film goes on by itself after a decisive subtitle.
  advanceAlone(auto) {
    this.caption.auto = auto;
    if (auto && this.player.waits) this.toggle();
    this.player.wake();
  }

  // waiting returns what to show while the film waits for the reader, or null.
  waiting() {
    const go = () => { this.caption.go(); this.player.play(); };
    return this.player.waits ? { name: 'wait', actions: [{ text: say('Continue'), key: ' ', primary: true, does: go }] } : null;
  }

  // skipTo goes to the start of the next experiment, or of an earlier one.
  skipTo(by) {
    const starts = this.model.experiments.map((x) => x.step.start);
    const t = by > 0 ? starts.find((s) => s > this.player.t + 0.05) ?? this.film.length : starts.findLast((s) => s < this.player.t - 0.6) ?? 0;
    this.player.seek(t);
  }

  // toggle plays or pauses; while the film waits, it does what the film waits for.
  toggle() {
    const go = this.caption.card?.actions.find((a) => a.key === ' ');
    if (go && !this.player.playing) go.does();
    else this.player.toggle();
  }

  // again plays the film from its beginning.
  again() {
    this.caption.gone.clear();
    this.player.seek(0);
    this.player.play();
  }

  // choose tells the story of a packet, or closes it if there is none.
  choose(journey, seek) {
    this.chosen = journey;
    if (!journey) return this.card.close();
    const packet = this.outcomes.get(journey.stream.stream)?.get(journey.seq);
    this.card.show(journey, this.outcomeOf(journey), this.narration, packet);
    if (seek) this.player.seek(journey.step.start + journey.step.length * 0.3);
  }

  // refuse says that the lab rejected the page. If nothing has been seen of the lab, that is all
  // there is to show.
  refuse(whether) {
    const only = whether && !this.model.begun;
    setData(this.root, 'refused', only ? 'yes' : null);
    this.caption.refuse(only);
    this.player.wake();
  }

  draw(t) {
    this.stage.render(t);
    this.lanes.show(t);
    this.buttons.show(t);
    this.caption.show(t, this.player, this.ask.card(t) ?? this.waiting());
    this.end.show(!this.live && !this.player.playing && t > 0 && t >= this.film.length - 0.05);
    setData(this.root, 'playing', this.player.playing ? 'yes' : null);
    this.nodes.poster.hidden = this.live || this.player.playing || t > 0 || !this.model.steps.length;
  }

  state() {
    return {
      hosts: [...this.model.hosts.values()].map(({ name, address, groups }) => ({ name, address, groups })),
      streams: [...this.model.streams.values()].map(({ stream, protocol, from, to, port, running }) => ({ name: stream, protocol, from, to, port, running })),
      rules: [...this.model.rules.values()].map(({ number, id, group, direction, text, hosts, on }) => ({ number, id, group, direction, text, hosts, on })),
      entries: this.model.entries.filter((e) => !e.hidden).map((e) => ({ host: e.host, id: e.id, orig: e.orig, mark: e.changes.at(-1)?.mark ?? 0, stream: e.stream?.stream ?? null, alive: !e.dead })),
    };
  }
}

// worded returns a report with the words of a language at their places.
function worded(report, words) {
  if (words === undefined || words === null) return report;
  if (typeof words !== 'object') return words;
  if (Array.isArray(words)) return words.map((x, i) => worded(report?.[i], x));
  return { ...report, ...Object.fromEntries(Object.entries(words).map(([name, x]) => [name, worded(report?.[name], x)])) };
}
