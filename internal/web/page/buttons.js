// The buttons of the player, and its keys.
import { drawing, element, setText } from './dom.js';
import { say } from './say.js';
import { filmTime, runTime } from './words.js';

const ofExperiments = ['[ ]', '1 – 9', 'c', 'a', 'q']; // keys that a live lab does not have

export class Buttons {
  constructor(root, page) {
    this.root = root;
    this.page = page;
    const button = (name, does) => {
      const node = element('button', { type: 'button', 'data-name': name, onclick: does });
      this[name] = node;
      return node;
    };
    this.time = element('output', { class: 'time' });
    this.rate = element('output', { class: 'rate' });
    root.replaceChildren(
      button('before', () => page.skipTo(-1)), button('back', () => page.stepBy(-1)),
      button('toggle', () => page.toggle()),
      button('on', () => page.stepBy(1)), button('next', () => page.skipTo(1)),
      element('span', { class: 'speed' }, button('slower', () => page.player.faster(-1)), this.rate, button('quicker', () => page.player.faster(1))),
      button('link', () => page.copyLink()), button('auto', () => page.advanceAlone(!page.caption.auto)), this.time, button('live', () => page.player.follow()), button('help', () => this.keys.showModal()));
    this.before.hidden = this.next.hidden = this.auto.hidden = this.link.hidden = page.live;
    this.keys = element('dialog', { class: 'keys' });
    document.body.append(this.keys);
    addEventListener('keydown', (event) => this.key(event));
  }

  speak() {
    const names = { before: say('previous experiment'), back: say('previous packet'), on: say('next packet'), next: say('next experiment'), slower: say('slower'), quicker: say('faster'), help: say('keys') };
    for (const [name, words] of Object.entries(names)) {
      this[name].replaceChildren(sign(name));
      this[name].setAttribute('aria-label', words);
      this[name].title = words;
    }
    this.live.textContent = say('Live');
    this.link.textContent = say('Copy link');
    this.link.title = say('a link to this moment');
    this.auto.textContent = say('Auto-advance');
    this.auto.title = say('go on without waiting for Continue');
    this.playing = null;
    const all = [[say('Space'), say('play, pause')], ['← →', say('previous, next packet')], ['Shift ← →', say('one second')], ['↑ ↓', say('faster, slower')], ['[ ]', say('previous, next experiment')], ['Home End', say('to the start, to the end')], ['1 – 9', say('to that experiment')], ['c', say('a link to this moment')], ['a', say('go on without waiting for Continue')], ['q', say('just watch, or be asked again')], ['l', say('language')], ['d', say('light or dark')], ['Esc', say('close')]];
    const rows = all.filter(([key]) => !this.page.live || !ofExperiments.includes(key));
    this.keys.replaceChildren(element('h2', {}, say('Keys')), element('dl', {}, rows.map(([key, does]) => element('div', {}, element('dt', {}, element('kbd', {}, key)), element('dd', {}, does)))),
      element('form', { method: 'dialog' }, element('button', { class: 'primary' }, say('close'))));
    this.keys.setAttribute('aria-label', say('Keys'));
  }

  // copied says for a while what has become of the link.
  copied(text) {
    setText(this.link, text);
    this.page.caption.hear(text);
    setTimeout(() => setText(this.link, say('Copy link')), 2500);
  }

  show(t) {
    const { player, film } = this.page;
    if (player.playing !== this.playing) {
      this.playing = player.playing;
      this.toggle.replaceChildren(sign(player.playing ? 'pause' : 'play'));
      this.toggle.setAttribute('aria-label', player.playing ? say('pause') : say('play'));
    }
    setText(this.rate, `${player.speed}×`);
    const times = [filmTime(t), filmTime(film.length), runTime(film.real(t))];
    setText(this.time, this.page.live ? say('{0} / {1} · {2} after the lab started', ...times) : say('{0} / {1} · run {2}', ...times));
    this.auto.setAttribute('aria-pressed', String(this.page.caption.auto));
    this.live.setAttribute('aria-pressed', String(player.following));
    this.live.hidden = !this.page.live || Boolean(this.page.model.ended); // nothing is left to follow
  }

  key(event) {
    const { page } = this;
    const { player } = page;
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
    if (event.key === 'Escape' && document.querySelector(':popover-open')) return; // it closes that
    const { target } = event;
    if (target.matches?.('input:not([type=range]), textarea, select')) return;
    if (event.key === ' ' && target.matches?.('button, summary')) return;
    if (/^(Arrow|Home|End)/.test(event.key) && target.matches?.('.scroll')) return; // these keys scroll a table
    const action = player.playing ? null : page.caption.card?.actions.find((a) => a.key === event.key);
    const keys = {
      ' ': () => page.toggle(), ArrowRight: () => (event.shiftKey ? player.seek(player.t + 1) : page.stepBy(1)), ArrowLeft: () => (event.shiftKey ? player.seek(player.t - 1) : page.stepBy(-1)),
      ArrowUp: () => player.faster(1), ArrowDown: () => player.faster(-1), '[': () => page.skipTo(-1), ']': () => page.skipTo(1),
      Home: () => player.seek(0), End: () => player.seek(player.length), c: () => page.copyLink(), a: () => page.advanceAlone(!page.caption.auto), q: () => page.watch(), l: () => page.nodes.language.click(), d: () => page.nodes.theme.click(), Escape: () => page.choose(null), '?': () => this.keys.showModal(),
    };
    if (page.live && '[]caq'.includes(event.key)) return;
    const does = action?.does ?? keys[event.key] ?? (/^[1-9]$/.test(event.key) && (() => {
      const x = page.model.experiments.find((e) => e.number === Number(event.key));
      if (x) player.seek(x.step.start);
    }));
    if (!does) return;
    event.preventDefault();
    does();
  }
}

const signs = {
  play: 'M6 4v12l10-6z', pause: 'M6 4h3v12H6zM11 4h3v12h-3z', before: 'M4 4h2v12H4zM17 4v12L7 10z', next: 'M14 4h2v12h-2zM3 4v12l10-6z',
  back: 'M13 5v10L6 10z', on: 'M7 5v10l7-5z', slower: 'M4 9h12v2H4z', quicker: 'M4 9h12v2H4zM9 4h2v12H9z',
  help: 'M10 3a4 4 0 0 0-4 4h2a2 2 0 1 1 3 1.7c-1.2.8-2 1.5-2 3.3h2c0-1 .5-1.300 1.300-1.900A4 4 0 0 0 10 3zM9 14h2v2H9z',
};

// sign returns the picture for a button.
function sign(name) {
  return drawing('svg', { viewBox: '0 0 20 20', class: 'sign', 'aria-hidden': 'true' }, drawing('path', { d: signs[name] }));
}
