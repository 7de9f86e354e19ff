// How the connection to the lab is, for people.
import { refused } from './caption.js';
import { element, setData, setText } from './dom.js';
import { say, spoken } from './say.js';

export class Link {
  constructor(root) {
    this.words = element('span', { class: 'words' });
    this.note = element('span', { class: 'note' });
    this.now = element('button', { type: 'button', hidden: true });
    this.node = element('p', { class: 'link-state', role: 'status' }, element('span', { class: 'dot', 'aria-hidden': 'true' }), this.words, this.note, this.now);
    root.append(this.node);
    document.addEventListener('lablab:language', () => this.draw());
    document.addEventListener('lablab:state', () => this.draw());
    this.now.addEventListener('click', () => this.follower.hurry());
  }

  show(how, pause, follower) {
    Object.assign(this, { how, pause, follower });
    this.draw();
  }

  draw() {
    const { how, follower } = this;
    if (!how) return;
    setData(this.node, 'how', how);
    setText(this.words, {
      live: () => say('Live: what happens in the lab shows at once.'),
      lost: () => say('The connection to the lab is lost. It is tried again.'),
      full: () => say('Too many watch this lab already. It is tried again.'),
      refused,
      ended: () => say('The lab has been taken down. What it has seen stays here.'),
    }[how]());
    setText(this.note, follower.forgotten ? say('The lab has forgotten {0} events before what is shown; rules, streams and entries are those of now.', follower.forgotten.toLocaleString(spoken())) : '');
    this.now.textContent = say('Try now');
    this.now.hidden = how !== 'lost' && how !== 'full';
  }
}
