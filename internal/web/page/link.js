// The state of the connection to the lab, for people.
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
      live: () => say('Live: you see what happens in the lab as it happens.'),
      lost: () => say('Connection to the lab lost. Reconnecting.'),
      full: () => say('Too many viewers are watching this lab. Retrying.'),
      refused,
      ended: () => say('The lab has been taken down. Its recording stays here.'),
    }[how]());
    setText(this.note, follower.forgotten ? say('{0} older events have been discarded; rules, streams and entries are current.', follower.forgotten.toLocaleString(spoken())) : '');
    this.now.textContent = say('Retry now');
    this.now.hidden = how !== 'lost' && how !== 'full';
  }
}
